defmodule ExWebRTC.Recorder.Manifest do
  @moduledoc "The tracks of a recording: id to track."

  @typedoc "A local path, or a `file://` or `s3://` URL."
  @type location :: String.t()

  @type track_manifest :: %{
          start_time: DateTime.t(),
          kind: :video | :audio,
          streams: [String.t()],
          rid_map: %{(String.t() | nil) => non_neg_integer()},
          codec: struct() | map() | nil,
          location: location()
        }
  @type t :: %{term() => track_manifest()}

  @doc false
  @spec to_json!(t()) :: map()
  def to_json!(manifest) do
    Map.new(manifest, fn {id, track} ->
      {id,
       %{
         "start_time" => DateTime.to_iso8601(track.start_time),
         "kind" => Atom.to_string(track.kind),
         "streams" => track.streams,
         "rid_map" => Map.new(track.rid_map, fn {rid, index} -> {rid || "nil", index} end),
         "codec" => codec_to_json(Map.get(track, :codec)),
         "location" => track.location
       }}
    end)
  end

  @doc false
  @spec from_json!(map()) :: t()
  def from_json!(json) do
    Map.new(json, fn {id, track} ->
      {:ok, start_time, _offset} = DateTime.from_iso8601(track["start_time"])

      {id,
       %{
         start_time: start_time,
         kind: kind(track["kind"]),
         streams: track["streams"],
         rid_map: Map.new(track["rid_map"], fn {rid, index} -> {if(rid == "nil", do: nil, else: rid), index} end),
         codec: codec_from_json(track["codec"]),
         location: track["location"]
       }}
    end)
  end

  defp kind("audio"), do: :audio
  defp kind("video"), do: :video

  # ex_sdp's structures write themselves with the name of their attribute in front; texts are taken as they are.
  @doc false
  def codec_to_json(nil), do: nil

  def codec_to_json(codec) do
    %{
      "payload_type" => codec.payload_type,
      "mime_type" => codec.mime_type,
      "clock_rate" => codec.clock_rate,
      "channels" => Map.get(codec, :channels),
      "sdp_fmtp_line" => fmtp(Map.get(codec, :sdp_fmtp_line)),
      "rtcp_fbs" => feedback(Map.get(codec, :rtcp_fbs))
    }
  end

  defp fmtp(nothing) when nothing in [nil, []], do: nil
  defp fmtp(line), do: line |> to_string() |> String.replace_prefix("fmtp:", "")

  defp feedback(nothing) when nothing in [nil, []], do: nil
  defp feedback(list), do: Enum.map(list, &(&1 |> to_string() |> String.replace_prefix("rtcp-fb:", "")))

  defp codec_from_json(nil), do: nil

  defp codec_from_json(codec) do
    fields = %{
      payload_type: codec["payload_type"],
      mime_type: codec["mime_type"],
      clock_rate: codec["clock_rate"],
      channels: codec["channels"],
      sdp_fmtp_line: parsed(codec["sdp_fmtp_line"], ExSDP.Attribute.FMTP) || [],
      rtcp_fbs: Enum.map(codec["rtcp_fbs"] || [], &parsed(&1, ExSDP.Attribute.RTCPFeedback))
    }

    if Code.ensure_loaded?(ExWebRTC.RTPCodecParameters), do: struct(ExWebRTC.RTPCodecParameters, fields), else: fields
  end

  # What ex_sdp cannot read, or where it is not there, stays text.
  defp parsed(nil, _module), do: nil

  defp parsed(text, module) do
    with true <- Code.ensure_loaded?(module), {:ok, parsed} <- apply(module, :parse, [text]) do
      parsed
    else
      _not_parsed -> text
    end
  end
end
