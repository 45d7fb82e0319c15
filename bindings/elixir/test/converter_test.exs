defmodule ExWebRTC.Recorder.ConverterTest do
  use ExUnit.Case, async: true

  alias ExWebRTC.Recorder.{Converter, JSON, Manifest}

  @moduletag :tmp_dir

  defp call, do: Path.expand("../../../tests/data/vp8_opus", System.get_env("RTPX_SOURCE_TEST_FOLDER", __DIR__))
  defp read(folder), do: folder |> Path.join("manifest.json") |> File.read!() |> JSON.decode!() |> Manifest.from_json!()

  test "a folder and its manifest become the same file", %{tmp_dir: tmp_dir} do
    [{id, file}] = call() |> Converter.convert!(output_path: Path.join(tmp_dir, "a")) |> Map.to_list()
    assert file == %{location: Path.join([tmp_dir, "a", id <> ".webm"]), duration_seconds: 30}

    assert Map.keys(Converter.convert!(Path.join(call(), "manifest.json"), output_path: Path.join(tmp_dir, "b"))) == [
             id
           ]

    manifest =
      Map.new(read(call()), fn {id, track} ->
        {id, %{track | location: Path.join(call(), Path.basename(track.location)), codec: nil}}
      end)

    assert %{^id => %{location: other}} = Converter.convert!(manifest, output_path: Path.join(tmp_dir, "c"))
    assert File.read!(other) == File.read!(file.location)
  end

  test "options are the original's", %{tmp_dir: tmp_dir} do
    options = [
      output_path: tmp_dir,
      thumbnails_ctx: %{resolution: %{width: 160}},
      reorder_buffer_size: 500,
      only_rids: [nil],
      reencode_ctx: %{bitrate: "200k", crf: 40, gop_size: 30, threads: 2, resolution: %{width: 64, height: -1}}
    ]

    [file] = call() |> Converter.convert!(options) |> Map.values()
    assert %{location: location, thumbnail_location: thumbnail, duration_seconds: 30} = file
    assert File.exists?(location)
    assert <<0xFF, 0xD8, _::binary>> = File.read!(thumbnail)
  end

  test "nothing to convert is nothing or an exception", %{tmp_dir: tmp_dir} do
    assert Converter.convert!(%{}) == %{}
    assert_raise RuntimeError, ~r/not_found/, fn -> Converter.convert!(Path.join(tmp_dir, "none")) end

    assert_raise RuntimeError, ~r/invalid_argument/, fn ->
      Converter.convert!(call(), output_path: tmp_dir, format: "avi")
    end
  end

  @tag :golden
  test "a recording of the original becomes the original's files", %{tmp_dir: tmp_dir} do
    golden = Path.join(System.fetch_env!("RTPX_CAPTURES"), "golden")
    [recording] = Path.wildcard(Path.join(golden, "small_head/*"))
    files = Converter.convert!(recording, output_path: tmp_dir)

    theirs = for file <- Path.wildcard(Path.join(golden, "small_head_converted/*.webm")), do: Path.basename(file)
    assert files |> Map.values() |> Enum.map(&Path.basename(&1.location)) |> Enum.sort() == Enum.sort(theirs)
    assert files |> Map.keys() |> Enum.sort() == theirs |> Enum.map(&Path.rootname/1) |> Enum.sort()
    assert Enum.all?(Map.values(files), &(&1.duration_seconds in [2, 3]))
  end
end
