#!/usr/bin/env python3
"""Plain RTP into rtpx serve: ingest_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import json
import shutil
import socket
import subprocess
import time
import unittest

from running_server import SDP, Server, run_tests

HEAD = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
VP8 = HEAD + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"


def wait_for_packets(server, location, count=20):
    until = time.time() + 10
    while server.json(location)["packets"] < count and time.time() < until:
        time.sleep(0.05)


def start(server, sdp, query="", headers=SDP):
    answer = server.request("POST", "/api/ingest" + query, sdp.encode(), headers)
    assert answer.status == 201, answer.content
    return json.loads(answer.content), answer.getheader("Location")


@unittest.skipUnless(shutil.which("ffmpeg"), "ffmpeg is not installed")
class FromFfmpeg(unittest.TestCase):
    def send(self, port, seconds=2):
        return subprocess.Popen(
            ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi",
             "-i", f"testsrc=size=320x240:rate=30:duration={seconds}", "-c:v", "libvpx", "-deadline", "realtime",
             "-cpu-used", "8", "-g", "30", "-rtpflags", "send_bye", "-f", "rtp", f"rtp://127.0.0.1:{port}"], stdout=subprocess.DEVNULL)

    def test_what_it_sends_is_listed_while_it_comes_and_converted_after_its_bye(self):
        with Server("--log-format", "json") as server:
            ingest, location = start(server, VP8, "?name=film")
            [track] = ingest["tracks"]
            self.assertEqual((track["kind"], track["codec"]), ("video", "video/VP8"))
            sender = self.send(track["rtp_port"])
            wait_for_packets(server, location, 1)
            recording = ingest["recording"]
            self.assertEqual(server.json(f"/api/recordings/{recording}")["state"], "recording")
            self.assertEqual(server.request("DELETE", f"/api/recordings/{recording}").status, 409)
            self.assertEqual(len(server.json("/api/ingest")["ingests"]), 1)
            sender.wait()
            entry = server.wait_for_state(recording, "ready", "failed")
            self.assertEqual((entry["state"], entry["name"], entry["tracks"][0]["end_reason"]), ("ready", "film", "bye"))
            self.assertAlmostEqual(entry["duration_ms"], 2000, delta=100)
            self.assertEqual(server.json("/api/ingest")["ingests"], [])
            self.assertEqual(server.request("GET", location).status, 404)
            lines = [json.loads(line) for line in (server.folder / "log.txt").read_text().splitlines()]
            [started] = [line for line in lines if line["message"] == "recording started"]
            self.assertEqual((started["recording"], started["session"]), (recording, ingest["id"]))

    def test_delete_ends_it_and_keeps_what_came(self):
        with Server() as server:
            ingest, location = start(server, VP8)
            sender = self.send(ingest["tracks"][0]["rtp_port"], seconds=10)
            wait_for_packets(server, location)
            self.assertEqual(server.request("DELETE", location).status, 204)
            self.assertEqual(server.request("DELETE", location).status, 404)
            sender.kill()
            sender.wait()
            entry = server.wait_for_state(ingest["recording"], "ready", "failed")
            self.assertEqual((entry["state"], entry["tracks"][0]["end_reason"]), ("ready", "stopped"))

    def test_terminating_the_server_ends_it_cleanly(self):
        with Server() as server:
            ingest, location = start(server, VP8)
            sender = self.send(ingest["tracks"][0]["rtp_port"], seconds=10)
            wait_for_packets(server, location)
            self.assertEqual(server.stop(), 0)
            sender.kill()
            sender.wait()
            info = json.loads((server.folder / "recordings" / ingest["recording"] / "recording.json").read_text())
            self.assertIn("ended_at", info)


@unittest.skipUnless(shutil.which("gst-launch-1.0"), "gst-launch-1.0 is not installed")
class FromGstreamer(unittest.TestCase):
    def test_what_it_sends_with_rtcp_is_recorded_until_it_falls_silent(self):
        with Server() as server:
            ingest, _ = start(server, VP8, "?idle=1")
            [track] = ingest["tracks"]
            sender = subprocess.Popen(  # now and then it does not exit after its last picture
                ["gst-launch-1.0", "-q", "rtpbin", "name=b", "videotestsrc", "num-buffers=60", "is-live=true", "!",
                 "video/x-raw,width=320,height=240,framerate=30/1", "!", "vp8enc", "deadline=1", "!", "rtpvp8pay", "pt=96", "!",
                 "b.send_rtp_sink_0", "b.send_rtp_src_0", "!", "udpsink", "host=127.0.0.1", f"port={track['rtp_port']}",
                 "b.send_rtcp_src_0", "!", "udpsink", "host=127.0.0.1", f"port={track['rtcp_port']}", "sync=false", "async=false"])
            entry = server.wait_for_state(ingest["recording"], "ready", "failed")
            sender.kill()
            sender.wait()
            self.assertEqual(entry["state"], "ready", entry)
            self.assertAlmostEqual(entry["duration_ms"], 2000, delta=150)


class Refusals(unittest.TestCase):
    def test_wrong_requests_get_clear_problems(self):
        with Server("--token", "sesame") as server:
            self.assertEqual(server.request("POST", "/api/ingest", VP8.encode(), SDP).status, 401)
        with Server() as server:
            for path, body, headers, status in (
                    ("/api/ingest", b"not sdp", SDP, 400), ("/api/ingest", VP8.encode(), {"Content-Type": "text/plain"}, 415),
                    ("/api/ingest?idle=-1", VP8.encode(), SDP, 400), ("/api/ingest?wait=x", VP8.encode(), SDP, 400),
                    ("/api/ingest", VP8.replace("VP8", "theora").encode(), SDP, 422),
                    ("/api/ingest", VP8.encode(), {**SDP, "Origin": "https://evil.example"}, 403)):
                answer = server.request("POST", path, body, headers)
                self.assertEqual(answer.status, status, answer.content)
                self.assertIn("detail", json.loads(answer.content))
            self.assertEqual(server.request("DELETE", "/api/ingest/nobody").status, 404)
            taken, _ = start(server, VP8)
            again = VP8.replace("m=video 0", f"m=video {taken['tracks'][0]['rtp_port']}")
            self.assertEqual(server.request("POST", "/api/ingest", again.encode(), SDP).status, 409)

    def test_an_ended_one_frees_its_port_at_once(self):
        with Server() as server:
            first, location = start(server, VP8, "?wait=0.2")
            same = VP8.replace("m=video 0", f"m=video {first['tracks'][0]['rtp_port']}")
            until = time.time() + 10
            while server.request("GET", location).status == 200 and time.time() < until:
                time.sleep(0.05)
            self.assertEqual(server.request("POST", "/api/ingest", same.encode(), SDP).status, 201)

    def test_there_are_no_more_than_allowed(self):
        with Server("--max-ingests", "2") as server:
            statuses = [server.request("POST", "/api/ingest", VP8.encode(), SDP).status for _ in range(3)]
            self.assertEqual(statuses, [201, 201, 503])

    def test_a_sender_that_never_comes_leaves_nothing(self):
        with Server() as server:
            _, location = start(server, VP8, "?wait=0.2")
            until = time.time() + 10
            while server.request("GET", location).status == 200 and time.time() < until:
                time.sleep(0.05)
            while server.json("/api/recordings")["recordings"] and time.time() < until:
                time.sleep(0.05)
            self.assertEqual(server.json("/api/recordings")["recordings"], [])


if __name__ == "__main__":
    run_tests()
