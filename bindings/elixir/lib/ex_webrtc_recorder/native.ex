defmodule ExWebRTC.Recorder.Native do
  @moduledoc false
  # The NIF of c_src/rtpx_nif.c. record/4, record_codec/9 and record_rtcp/2 never wait; the rest is dirty where it may.
  @on_load :load

  def load do
    :ex_webrtc_recorder |> :code.priv_dir() |> path() |> :erlang.load_nif(0)
  end

  # Before the application is known to the code server (mix run of a project that was just compiled).
  defp path({:error, :bad_name}) do
    beam = __MODULE__ |> :code.which() |> Path.dirname()
    beam |> Path.join("../priv/rtpx_nif") |> String.to_charlist()
  end

  defp path(priv), do: priv |> Path.join("rtpx_nif") |> String.to_charlist()

  def start(_options, _events_to), do: :erlang.nif_error(:not_loaded)
  def close(_recorder), do: :erlang.nif_error(:not_loaded)
  def add_tracks(_recorder, _json), do: :erlang.nif_error(:not_loaded)
  def track(_recorder, _id, _rids), do: :erlang.nif_error(:not_loaded)
  def end_tracks(_recorder, _ids), do: :erlang.nif_error(:not_loaded)
  def folder(_recorder), do: :erlang.nif_error(:not_loaded)
  def stats(_recorder), do: :erlang.nif_error(:not_loaded)
  def record(_track, _rid, _packet, _payload_type), do: :erlang.nif_error(:not_loaded)

  def record_codec(_track, _rid, _packet, _payload_type, _mime_type, _clock_rate, _channels, _fmtp, _feedback),
    do: :erlang.nif_error(:not_loaded)

  def record_rtcp(_track, _packet), do: :erlang.nif_error(:not_loaded)
  def convert(_manifest, _recording, _options), do: :erlang.nif_error(:not_loaded)
  def read_manifest(_path), do: :erlang.nif_error(:not_loaded)
end
