# The same through the Elixir binding, packets as ex_rtp's structure. usage: mix run record.exs FOLDER PACKETS TRACKS
Code.require_file("../../bindings/elixir/test/stand_ins.exs", __DIR__)

defmodule Bench do
  alias ExWebRTC.Recorder
  alias ExWebRTC.Recorder.Native

  # CPU time of this process in ns: of the threads that librtpx has started, and of all others.
  def cpu do
    for task <- Path.wildcard("/proc/self/task/*"), reduce: {0, 0} do
      {library, caller} ->
        fields = task |> Path.join("stat") |> File.read!() |> String.split(") ") |> List.last() |> String.split()
        ns = 10_000_000 * (String.to_integer(Enum.at(fields, 11)) + String.to_integer(Enum.at(fields, 12)))

        if task |> Path.join("comm") |> File.read!() |> String.starts_with?("rtpx-"),
          do: {library + ns, caller},
          else: {library, caller + ns}
    end
  end

  def record(_recorder, _packet, _count, i, i), do: :ok

  def record(recorder, packet, count, i, to) do
    Recorder.record(recorder, rem(i, count), nil, packet)
    record(recorder, packet, count, i + 1, to)
  end

  def drain(native) do
    if elem(Native.stats(native), 3) > 0 do
      Process.sleep(100)
      drain(native)
    end
  end
end

[folder, packets, count] = System.argv()
{packets, count, batch} = {String.to_integer(packets), String.to_integer(count), 50_000}
Logger.configure(level: :error)
{:ok, recorder} = ExWebRTC.Recorder.start_link(base_dir: folder)
tracks = for id <- 0..(count - 1), do: %{id: id, kind: :video, streams: [], rids: nil}
{:ok, _manifest} = ExWebRTC.Recorder.add_tracks(recorder, tracks)
%{native: native} = :sys.get_state(recorder)

# Made at run time: the structure is defined in this very file.
packet =
  struct(ExRTP.Packet,
    payload_type: 96,
    sequence_number: 1,
    timestamp: 2,
    ssrc: 3,
    payload: :binary.copy(<<0x5A>>, 1088)
  )

{library, caller} = Bench.cpu()

for start <- 0..(packets - 1)//batch do
  Bench.record(recorder, packet, count, start, min(start + batch, packets))
  Bench.drain(native)
end

{library_after, caller_after} = Bench.cpu()
{^packets, 0, 0, 0} = ExWebRTC.Recorder.Native.stats(native)
spent = caller_after - caller
IO.puts("#{Float.round((library_after - library + spent) / packets, 1)} #{Float.round(spent / packets, 1)}")
