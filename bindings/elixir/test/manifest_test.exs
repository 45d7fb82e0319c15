defmodule ExWebRTC.Recorder.ManifestTest do
  use ExUnit.Case, async: true

  alias ExWebRTC.Recorder.{JSON, Manifest, S3}

  test "a manifest survives JSON" do
    manifest = %{
      "12" => %{
        start_time: ~U[2026-11-22 12:37:03.800051Z],
        kind: :video,
        streams: ["käse", "\"quoted\\\n"],
        rid_map: %{nil => 0},
        codec: nil,
        location: "/tmp/12.rtpx"
      }
    }

    json = Manifest.to_json!(manifest)
    assert json["12"]["start_time"] == "2026-11-22T12:37:03.800051Z"
    assert json["12"]["rid_map"] == %{"nil" => 0}
    assert json |> JSON.encode!() |> JSON.decode!() |> Manifest.from_json!() == manifest
  end

  test "manifests without codecs are read" do
    json = %{
      "1" => %{
        "start_time" => "2026-11-22T12:37:03.800051Z",
        "kind" => "audio",
        "streams" => [],
        "rid_map" => %{"q" => 1},
        "location" => "x"
      }
    }

    assert %{"1" => %{codec: nil, kind: :audio, rid_map: %{"q" => 1}}} = Manifest.from_json!(json)
  end

  test "JSON's numbers, escapes and white space are read, and what is no JSON is not" do
    assert JSON.decode!(~s( {"a" : [1, -2.5, 3e2, true, false, null], "b":{}, "c":[] } )) ==
             %{"a" => [1, -2.5, 300.0, true, false, nil], "b" => %{}, "c" => []}

    assert JSON.decode!(~S("\u00e4\ud83d\ude00\n\/\"\\")) == "ä😀\n/\"\\"
    assert JSON.decode!(JSON.encode!(%{a: [1, "ä\t\"", nil, %{b: 1.5}]})) == %{"a" => [1, "ä\t\"", nil, %{"b" => 1.5}]}
    for bad <- ["", "{", "[1", "tru", ~s("open), "1 2", "[1 2]"], do: assert_raise_any(fn -> JSON.decode!(bad) end)
  end

  defp assert_raise_any(function) do
    function.()
    flunk("nothing was raised")
  rescue
    error in [ArgumentError, MatchError, CaseClauseError, FunctionClauseError] -> error
  end

  test "ex_aws's ways to say S3 are understood" do
    System.put_env("RTPX_TEST_SECRET", "hidden")

    config = [
      bucket_name: "calls",
      scheme: "http://",
      host: "localhost",
      port: 9000,
      region: "eu-1",
      access_key_id: ["", {:system, "NOT_SET"}, "id"] |> tl(),
      secret_access_key: {:system, "RTPX_TEST_SECRET"}
    ]

    assert %{
             endpoint: "http://localhost:9000",
             region: "eu-1",
             access_key_id: "id",
             secret_access_key: "hidden",
             session_token: nil,
             base_path: "",
             upload_manifest: 1,
             bucket_name: "calls"
           } = S3.native_upload_config(config)
  end
end
