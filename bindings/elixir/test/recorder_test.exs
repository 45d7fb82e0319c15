defmodule ExWebRTC.RecorderTest do
  use ExUnit.Case

  alias ExRTP.Packet
  alias ExWebRTC.{MediaStreamTrack, Recorder, RTPCodecParameters}
  alias ExWebRTC.Recorder.JSON

  import ExUnit.CaptureLog

  @moduletag :tmp_dir

  defp golden(name), do: Path.join([System.fetch_env!("RTPX_CAPTURES"), "golden", name])

  defp input(name) do
    name |> golden() |> File.read!() |> records()
  end

  defp records(<<track, rid, _arrival::32, size::16, packet::binary-size(size), rest::binary>>),
    do: [{track, rid, packet} | records(rest)]

  defp records(<<>>), do: []

  # The records of a .rtpx without their receive times.
  defp masked(path), do: path |> File.read!() |> mask()

  defp mask(<<rid, _time::64, size::32, packet::binary-size(size), rest::binary>>), do: [{rid, packet} | mask(rest)]
  defp mask(<<>>), do: []

  defp track(id, kind, streams \\ ["stream"], rids \\ nil),
    do: %MediaStreamTrack{id: id, kind: kind, streams: streams, rids: rids}

  defp packet(number \\ 1),
    do: %Packet{payload_type: 96, sequence_number: number, timestamp: 0, ssrc: 1, payload: "media"}

  defp decoded(bytes) do
    {:ok, packet} = Packet.decode(bytes)
    packet
  end

  defp record_golden(recorder, record) do
    ids = {0x44444444, 0x55555555, 0x33333333}
    call = "6XNTAK4NXWQ4GZQC5EGK6DYF3JFQDTNV"
    screen = "SIMULCAST7TQ4GZQC5EGK6DYF3JFQDTN"

    {:ok, _manifest} =
      Recorder.add_tracks(recorder, [
        track(elem(ids, 0), :audio, [call]),
        track(elem(ids, 1), :video, [call]),
        track(elem(ids, 2), :video, [screen], ["q", "h", "f"])
      ])

    for {track, rid, bytes} <- input("small_input.rtpin") do
      rid = if rid == 0xFF, do: nil, else: Enum.at(["q", "h", "f"], rid)
      assert record.(elem(ids, track), rid, track, decoded(bytes)) == :ok
    end

    {:ok, manifest, nil} = Recorder.end_tracks(recorder, Tuple.to_list(ids))
    manifest
  end

  defp codec(0) do
    %RTPCodecParameters{
      payload_type: 111,
      mime_type: "audio/opus",
      clock_rate: 48_000,
      channels: 2,
      sdp_fmtp_line: "fmtp:111 minptime=10;useinbandfec=1"
    }
  end

  defp codec(_video) do
    %RTPCodecParameters{
      payload_type: 96,
      mime_type: "video/VP8",
      clock_rate: 90_000,
      rtcp_fbs: ["rtcp-fb:96 nack", "rtcp-fb:96 nack pli"]
    }
  end

  defp files_of(manifest), do: manifest |> Map.values() |> Enum.map(&masked(&1.location)) |> Enum.sort()

  defp golden_files(flavour),
    do: [golden(flavour), "*", "*.rtpx"] |> Path.join() |> Path.wildcard() |> Enum.map(&masked/1) |> Enum.sort()

  @tag :golden
  test "record/4 writes the bytes that the original wrote", %{tmp_dir: tmp_dir} do
    {:ok, recorder} = Recorder.start_link(base_dir: tmp_dir)
    manifest = record_golden(recorder, fn id, rid, _track, packet -> Recorder.record(recorder, id, rid, packet) end)
    for flavour <- ["small_021", "small_030", "small_head"], do: assert(files_of(manifest) == golden_files(flavour))
  end

  @tag :golden
  test "record/5 does too, and the manifest has its codecs as the original's", %{tmp_dir: tmp_dir} do
    {:ok, recorder} = Recorder.start(base_dir: tmp_dir)

    manifest =
      record_golden(recorder, fn id, rid, track, packet -> Recorder.record(recorder, id, rid, codec(track), packet) end)

    assert files_of(manifest) == golden_files("small_head")

    [theirs] = [golden("small_head"), "*", "manifest.json"] |> Path.join() |> Path.wildcard()
    folder = manifest |> Map.values() |> hd() |> Map.fetch!(:location) |> Path.dirname()
    upstream = ["kind", "streams", "rid_map", "codec"]

    entries = fn path ->
      path |> File.read!() |> JSON.decode!() |> Map.values() |> Enum.map(&Map.take(&1, upstream)) |> Enum.sort()
    end

    assert entries.(Path.join(folder, "manifest.json")) == entries.(theirs)
    GenServer.stop(recorder)
  end

  @tag :golden
  test "odd packets are kept as they were", %{tmp_dir: tmp_dir} do
    {:ok, recorder} = Recorder.start_link(base_dir: tmp_dir)
    {:ok, _} = Recorder.add_tracks(recorder, [track(7, :video), track("bytes", :video)])
    odd = for {_track, _rid, bytes} <- input("edge_input.rtpin"), do: bytes

    for bytes <- odd do
      assert Recorder.record(recorder, "bytes", nil, bytes) == :ok

      case Packet.decode(bytes) do
        {:ok, packet} -> Recorder.record(recorder, 7, nil, packet)
        {:error, _} -> :ok
      end
    end

    {:ok, manifest, nil} = Recorder.end_tracks(recorder, [7, "bytes"])
    assert masked(manifest["bytes"].location) == Enum.map(odd, &{0, &1})
    ours = masked(manifest[7].location)
    # The original refused four of 23, and the one with a pad count of zero killed it.
    [theirs] = [golden("edge_head"), "*", "7.rtpx"] |> Path.join() |> Path.wildcard()
    assert Enum.all?(masked(theirs), &(&1 in ours))
  end

  test "add_tracks and end_tracks answer the manifest of their tracks", %{tmp_dir: tmp_dir} do
    {:ok, recorder} = Recorder.start_link(base_dir: tmp_dir)
    assert {:ok, manifest} = Recorder.add_tracks(recorder, [track(1, :video, ["a", "b"], ["h", "l"]), track(2, :audio)])

    assert %{
             1 => %{kind: :video, streams: ["a", "b"], rid_map: %{"h" => 0, "l" => 1}, codec: nil, location: location},
             2 => %{kind: :audio, rid_map: %{nil: 0}, start_time: %DateTime{}}
           } = manifest

    assert Map.keys(manifest[1]) |> Enum.sort() == [:codec, :kind, :location, :rid_map, :start_time, :streams]
    assert Path.dirname(Path.dirname(location)) == Path.expand(tmp_dir)
    assert Path.basename(Path.dirname(location)) =~ ~r/^\d{8}-\d{6}/
    assert Path.basename(location) == "1.rtpx"
    assert {:error, {:already_exists, _why}} = Recorder.add_tracks(recorder, [track(1, :video)])
    assert {:ok, ended, nil} = Recorder.end_tracks(recorder, [1, :nobody])
    assert Map.keys(ended) == [1]
    assert Recorder.end_tracks(recorder, [1]) == {:error, :tracks_not_found}
    assert Recorder.end_tracks(recorder, []) == {:error, :tracks_not_found}
    assert {:ok, _ended, nil} = Recorder.end_tracks(recorder, [2])
  end

  test "on_start adds tracks whenever a supervisor starts the recorder", %{tmp_dir: tmp_dir} do
    test = self()

    on_start = fn ->
      send(test, :started)
      [track(5, :audio)]
    end

    child = {Recorder, [[base_dir: tmp_dir, on_start: on_start, controlling_process: test], [name: __MODULE__.Named]]}
    {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one)
    assert_receive :started
    assert {:error, {:already_exists, _}} = Recorder.add_tracks(__MODULE__.Named, [track(5, :audio)])
    Recorder.record(__MODULE__.Named, 5, nil, packet())

    Process.exit(Process.whereis(__MODULE__.Named), :kill)
    assert_receive :started, 5000
    eventually(fn -> is_pid(Process.whereis(__MODULE__.Named)) end)
    assert {:ok, %{5 => %{location: location}}, nil} = Recorder.end_tracks(__MODULE__.Named, [5])
    assert masked(location) == []
    # What the killed one had accepted is on disk all the same.
    eventually(fn ->
      files = Path.wildcard(Path.join([tmp_dir, "*", "5.rtpx"])) -- [location]
      Enum.map(files, &masked/1) == [[{0, <<2::2, 0::6, 96, 1::16, 0::32, 1::32, "media">>}]]
    end)

    Supervisor.stop(supervisor)
  end

  defp eventually(condition, tries \\ 500) do
    if not condition.() do
      assert tries > 0
      Process.sleep(20)
      eventually(condition, tries - 1)
    end
  end

  test "what cannot be recorded is a warning and :ok", %{tmp_dir: tmp_dir} do
    {:ok, recorder} = Recorder.start_link(base_dir: tmp_dir)
    {:ok, _} = Recorder.add_tracks(recorder, [track(1, :video, ["s"], ["h"]), track(2, :audio)])
    say = fn id, rid, packet -> capture_log(fn -> assert Recorder.record(recorder, id, rid, packet) == :ok end) end
    assert say.(9, nil, packet()) =~ "track id is unknown"
    assert say.(1, nil, packet()) =~ "rid nil is unknown"
    assert say.(1, "l", packet()) =~ "rid \"l\" is unknown"
    assert say.(2, "h", packet()) =~ "rid \"h\" is unknown"
    assert say.(2, nil, %{packet() | payload: :nothing}) =~ "no ExRTP.Packet"
    assert say.(2, nil, %{packet() | payload: :binary.copy("x", 70_000)}) =~ "larger"
    assert say.(1, "h", packet()) == ""
    {:ok, _, nil} = Recorder.end_tracks(recorder, [1])
    assert say.(1, "h", packet()) =~ "has ended"
    GenServer.stop(recorder)
    assert Recorder.record(recorder, 1, "h", packet()) == :ok
    assert Recorder.record(:no_such_name, 1, "h", packet()) == :ok
  end

  test "padding, CSRCs and every kind of extension are encoded", %{tmp_dir: tmp_dir} do
    {:ok, recorder} = Recorder.start_link(base_dir: tmp_dir)
    {:ok, _} = Recorder.add_tracks(recorder, [track(1, :video)])
    extension = &struct(ExRTP.Packet.Extension, id: &1, data: &2)

    packets = [
      %{packet() | padding: true, padding_size: 4, csrc: [1, 0xFFFFFFFF], marker: true},
      %{packet() | padding: true, padding_size: 0},
      %{packet() | extension: true, extension_profile: 0xBEDE, extensions: [extension.(1, "abc"), extension.(14, "x")]},
      %{packet() | extension: true, extension_profile: 0x1000, extensions: [extension.(1, ""), extension.(200, "xyz")]},
      %{packet() | extension: true, extension_profile: 0x1234, extensions: "12345678"},
      %{packet() | payload: :binary.copy("y", 60_000)}
    ]

    for packet <- packets, do: Recorder.record(recorder, 1, nil, packet)
    {:ok, manifest, nil} = Recorder.end_tracks(recorder, [1])
    head = fn first, second -> <<first, second, 1::16, 0::32, 1::32>> end

    assert masked(manifest[1].location) |> Enum.map(&elem(&1, 1)) == [
             head.(0xA2, 0xE0) <> <<1::32, 0xFFFFFFFF::32>> <> "media" <> <<0, 0, 0, 4>>,
             head.(0xA0, 96) <> "media",
             head.(0x90, 96) <> <<0xBEDE::16, 2::16, 0x12, "abc", 0xE0, "x", 0, 0>> <> "media",
             head.(0x90, 96) <> <<0x1000::16, 2::16, 1, 0, 200, 3, "xyz", 0>> <> "media",
             head.(0x90, 96) <> <<0x1234::16, 2::16, "12345678">> <> "media",
             head.(0x80, 96) <> :binary.copy("y", 60_000)
           ]
  end

  test "many processes record at once and nothing is lost", %{tmp_dir: tmp_dir} do
    {:ok, recorder} = Recorder.start_link(base_dir: tmp_dir)
    {:ok, _} = Recorder.add_tracks(recorder, for(id <- 1..20, do: track(id, :audio)))

    1..20
    |> Enum.map(fn id ->
      Task.async(fn -> for number <- 1..500, do: Recorder.record(recorder, id, nil, packet(number)) end)
    end)
    |> Task.await_many(60_000)

    {:ok, manifest, nil} = Recorder.end_tracks(recorder, Enum.to_list(1..20))

    for {_id, track} <- manifest do
      numbers = for {0, <<_::16, number::16, _::binary>>} <- masked(track.location), do: number
      assert numbers == Enum.to_list(1..500)
    end
  end

  test "librtpx's events come to the controlling process where they are asked for", %{tmp_dir: tmp_dir} do
    {:ok, recorder} =
      Recorder.start_link(base_dir: tmp_dir, rtpx_events: true, controlling_process: spawn(fn -> :ok end))

    assert Recorder.controlling_process(recorder, self()) == :ok
    {:ok, _} = Recorder.add_tracks(recorder, [track(1, :audio)])
    Recorder.record(recorder, 1, nil, packet())

    assert_receive {:ex_webrtc_recorder, ^recorder, {:rtpx_event, %{"event" => "track_flow", "flowing" => true}}},
                   10_000
  end

  test "a folder that cannot be made is an error at the start", %{tmp_dir: tmp_dir} do
    file = Path.join(tmp_dir, "file")
    File.write!(file, "")
    assert {:error, {code, message}} = Recorder.start(base_dir: file)
    assert is_atom(code) and message =~ file
    assert {:error, {:invalid_argument, _}} = Recorder.start(base_dir: tmp_dir, s3_upload_config: [bucket_name: "No"])
  end
end
