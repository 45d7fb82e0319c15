defmodule ExWebRTC.Recorder.S3Test do
  # With the S3 service of the project's own tests where RTPX_S3_STUB names it.
  use ExUnit.Case

  alias ExWebRTC.{MediaStreamTrack, Recorder}
  alias ExWebRTC.Recorder.{Converter, JSON}

  @moduletag :tmp_dir
  @moduletag :s3

  setup %{tmp_dir: tmp_dir} do
    {:ok, socket} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(socket)
    :gen_tcp.close(socket)
    command = System.fetch_env!("RTPX_S3_STUB")
    arguments = [Path.join(tmp_dir, "stub"), to_string(port)]
    server = Port.open({:spawn_executable, command}, [:binary, {:line, 1000}, {:args, arguments}])
    assert_receive {^server, {:data, {:eol, "ready"}}}, 30_000
    Port.command(server, "bucket calls\n")
    assert_receive {^server, {:data, {:eol, "ok"}}}, 30_000

    config = [
      scheme: "http://",
      host: "127.0.0.1",
      port: port,
      region: "us-east-1",
      access_key_id: "STUBKEY",
      secret_access_key: "SKSTUB/abc+def"
    ]

    {:ok, config: config}
  end

  test "an ended track is stored, its message comes, and it converts from there", %{tmp_dir: tmp_dir, config: config} do
    upload = [bucket_name: "calls", base_path: "today"] ++ config
    {:ok, recorder} = Recorder.start_link(base_dir: Path.join(tmp_dir, "recordings"), s3_upload_config: upload)
    call = Path.expand("../../../tests/data/vp8_opus", System.get_env("RTPX_SOURCE_TEST_FOLDER", __DIR__))
    [{_, video}] = call |> manifest() |> Enum.filter(fn {_, track} -> track["kind"] == "video" end)

    track =
      %MediaStreamTrack{id: 7, kind: :video, streams: ["call"]} |> Map.put(:codecs, video["codecs"] || [video["codec"]])

    {:ok, _manifest} = Recorder.add_tracks(recorder, [track])

    for packet <- packets(Path.join(call, Path.basename(video["location"]))),
        do: Recorder.record(recorder, 7, nil, packet)

    assert {:ok, %{7 => %{location: "/" <> _}}, ref} = Recorder.end_tracks(recorder, [7])
    assert is_reference(ref)

    assert_receive {:ex_webrtc_recorder, ^recorder, {:upload_complete, ^ref, %{7 => %{location: location}} = stored}},
                   60_000

    assert "s3://calls/today/" <> key = location
    assert String.ends_with?(key, "/7.rtpx")

    options = [
      output_path: Path.join(tmp_dir, "videos"),
      download_path: Path.join(tmp_dir, "fetched"),
      s3_download_config: config
    ]

    assert %{"call" => %{location: file}} = Converter.convert!(stored, options)
    assert File.stat!(file).size > 10_000

    uploaded =
      Converter.convert!(stored, options ++ [s3_upload_config: [bucket_name: "calls", base_path: "videos"] ++ config])

    assert %{"call" => %{location: "s3://calls/videos/" <> _}} = uploaded
  end

  defp manifest(folder), do: folder |> Path.join("manifest.json") |> File.read!() |> JSON.decode!()

  defp packets(path), do: path |> File.read!() |> split()
  defp split(<<_rid, _time::64, size::32, packet::binary-size(size), rest::binary>>), do: [packet | split(rest)]
  defp split(<<>>), do: []
end
