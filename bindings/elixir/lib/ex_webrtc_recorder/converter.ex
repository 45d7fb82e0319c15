defmodule ExWebRTC.Recorder.Converter do
  @moduledoc """
  Makes files that play of what `ExWebRTC.Recorder` has written, with librtpx: no `ffmpeg` binary, every codec that
  browsers send, lost packets repaired, sound and picture in step.
  """

  alias ExWebRTC.Recorder
  alias ExWebRTC.Recorder.{JSON, Native, S3}

  require Logger

  @typedoc "Either side may be left out or -1: it keeps the aspect."
  @type resolution :: %{optional(:width) => pos_integer() | -1, optional(:height) => pos_integer() | -1}
  @type thumbnails_ctx :: %{:resolution => resolution()}
  @type reencode_ctx :: %{
          optional(:threads) => pos_integer(),
          optional(:bitrate) => String.t(),
          optional(:crf) => 4..63,
          optional(:gop_size) => pos_integer(),
          optional(:resolution) => resolution(),
          optional(:cues_to_front) => boolean()
        }

  @typedoc """
  * `:output_path` - `"./converter/output"` by default
  * `:s3_upload_config` - store the files: `t:ExWebRTC.Recorder.S3.upload_config/0`
  * `:download_path` - for recordings that are fetched; `"./converter/download"` by default
  * `:s3_download_config` - `t:ExWebRTC.Recorder.S3.override_config/0`
  * `:thumbnails_ctx` - a picture beside each file
  * `:only_rids` - simulcast layers to convert, `nil` for tracks without; all by default
  * `:reorder_buffer_size` - taken and not needed: packets may be as late as they like
  * `:reencode_ctx` - encode the video anew as VP8, or as `:codec` says (`"vp8"`, `"vp9"`, `"av1"`, `"h264"`)
  * `:format`, `:layers`, `:audio` - as of `rtpx convert` (docs/containers.md): `"mp4"`, `"best"`, `"aac"` …
  """
  @type option ::
          {:output_path, Path.t()}
          | {:s3_upload_config, keyword()}
          | {:download_path, Path.t()}
          | {:s3_download_config, keyword()}
          | {:thumbnails_ctx, thumbnails_ctx()}
          | {:only_rids, [String.t() | nil]}
          | {:reorder_buffer_size, pos_integer()}
          | {:reencode_ctx, reencode_ctx()}
          | {:format, String.t()}
          | {:layers, String.t()}
          | {:audio, String.t()}
  @type options :: [option()]

  @doc """
  Converts a recording: its folder, its manifest's path, an `s3://` URL of one, or a manifest. Raises when nothing of it can be
  converted; what is lost otherwise is logged.
  """
  @spec convert!(Path.t() | Recorder.Manifest.t(), options()) :: __MODULE__.Manifest.t() | no_return()
  def convert!(recorder_manifest_or_path, options \\ [])

  def convert!("s3://" <> _rest = url, options), do: run!(nil, url, options)
  def convert!(path, options) when is_binary(path), do: run!(nil, Path.expand(path), options)
  def convert!(manifest, _options) when map_size(manifest) == 0, do: %{}

  def convert!(manifest, options) do
    {folder, json} = relative_to_folder(manifest)
    run!(JSON.encode!(json), folder, options)
  end

  defp run!(manifest, recording, options) do
    case Native.convert(manifest, recording, native_options(options)) do
      {:ok, json} ->
        result = JSON.decode!(json)
        for note <- result["notes"], note["severity"] != "info", do: Logger.warning("Converter: #{note["message"]}")
        Map.new(result["files"], fn {id, file} -> {id, file_manifest(file)} end)

      {:error, {code, message}} ->
        raise "The recording could not be converted (#{code}): #{message}"
    end
  end

  defp file_manifest(%{"location" => location, "duration_seconds" => seconds} = file) do
    case file["thumbnail_location"] do
      nil -> %{location: location, duration_seconds: seconds}
      thumbnail -> %{location: location, duration_seconds: seconds, thumbnail_location: thumbnail}
    end
  end

  defp native_options(options) do
    thumbnail = options[:thumbnails_ctx]
    reencode = options[:reencode_ctx]

    %{
      output_path: options |> Keyword.get(:output_path, "./converter/output") |> Path.expand(),
      download_path: options |> Keyword.get(:download_path, "./converter/download") |> Path.expand(),
      only_rids: options[:only_rids],
      format: options[:format],
      layers: options[:layers],
      audio: options[:audio],
      s3_upload_config: S3.native_upload_config(options[:s3_upload_config]),
      s3_download_config: S3.native_config(options[:s3_download_config] || [])
    }
    |> Map.merge(if thumbnail, do: thumbnail_options(thumbnail.resolution), else: %{})
    |> Map.merge(if reencode, do: reencode_options(reencode), else: %{})
  end

  defp thumbnail_options(resolution) do
    %{thumbnails: 1, thumbnail_width: resolution[:width] || -1, thumbnail_height: resolution[:height] || -1}
  end

  defp reencode_options(ctx) do
    resolution = ctx[:resolution] || %{}

    %{
      reencode_codec: ctx[:codec] || "vp8",
      reencode_bitrate: ctx[:bitrate],
      reencode_crf: ctx[:crf],
      reencode_gop_size: ctx[:gop_size],
      reencode_threads: ctx[:threads],
      reencode_width: resolution[:width],
      reencode_height: resolution[:height],
      reencode_cues_to_front: if(ctx[:cues_to_front] == false, do: 0, else: 1)
    }
  end

  # Files may lie in several folders; librtpx takes paths below one. What their own manifest.json says besides, such as
  # where RTCP is, comes along.
  defp relative_to_folder(manifest) do
    locations = for {_id, track} <- manifest, path = local_path(track.location), do: Path.split(Path.dirname(path))
    folder = locations |> Enum.reduce(&common/2) |> join()

    {folder,
     Map.new(manifest, fn {id, track} ->
       {to_string(id), track |> entry(id) |> relative(folder, local_path(track.location))}
     end)}
  rescue
    Enum.EmptyError ->
      {File.cwd!(), Map.new(manifest, fn {id, track} -> {to_string(id), entry(track, id)} end)}
  end

  defp entry(track, id), do: %{id => track} |> Recorder.Manifest.to_json!() |> Map.fetch!(id)

  defp relative(entry, _folder, nil), do: entry

  defp relative(entry, folder, path) do
    beside = Path.dirname(path)

    written =
      case Native.read_manifest(beside) do
        {:ok, json} ->
          json |> JSON.decode!() |> Map.values() |> Enum.find(&(Path.basename(&1["location"]) == Path.basename(path)))

        {:error, _reason} ->
          nil
      end

    said = entry |> Map.reject(fn {_key, value} -> is_nil(value) end)
    entry = Map.merge(Map.merge(entry, written || %{}), said)

    Enum.reduce(["location", "rtcp_location", "index_location", "locations"], entry, fn key, entry ->
      case entry[key] do
        nil -> entry
        locations -> Map.put(entry, key, below(locations, beside, folder))
      end
    end)
  end

  defp below(locations, beside, folder) when is_list(locations), do: Enum.map(locations, &below(&1, beside, folder))
  defp below(location, beside, folder), do: beside |> Path.join(Path.basename(location)) |> Path.relative_to(folder)

  defp local_path("s3://" <> _rest), do: nil
  defp local_path("file://" <> path), do: Path.expand(path)
  defp local_path(path), do: Path.expand(path)

  defp common([same | a], [same | b]), do: [same | common(a, b)]
  defp common(_a, _b), do: []

  defp join([]), do: "/"
  defp join(parts), do: Path.join(parts)
end
