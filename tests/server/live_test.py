#!/usr/bin/env python3
"""Playing what is being recorded by HLS with low latency, and what a crash has cut off: live_test.py PATH_TO_RTPX DATA_FOLDER"""
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from running_server import RTPX, SDP, Server, run_tests

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "play"))
import playlists  # noqa: E402

OFFER = ("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=live\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\na=group:LS 0 1\r\n"
         "m=video 0 RTP/AVP 96\r\na=mid:0\r\na=msid:call v\r\na=rtpmap:96 VP8/90000\r\n"
         "m=audio 0 RTP/AVP 97\r\na=mid:1\r\na=msid:call a\r\na=rtpmap:97 opus/48000/2\r\n")


class Call:
    """FFmpeg sends a picture with a keyframe every two seconds, and sound, in real time."""

    def __init__(self, server, seconds, query="name=live&idle=2", headers=None):
        answer = server.request("POST", f"/api/ingest?{query}", OFFER.encode(), {**SDP, **(headers or {})})
        assert answer.status == 201, answer.content
        self.ingest = json.loads(answer.content)
        self.recording = self.ingest["recording"]
        video, audio = (track["rtp_port"] for track in self.ingest["tracks"])
        self.sender = subprocess.Popen(
            ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", f"testsrc=size=320x240:rate=30:duration={seconds}",
             "-re", "-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}",
             "-map", "0:v", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-g", "60", "-f", "rtp", f"rtp://127.0.0.1:{video}",
             "-map", "1:a", "-c:a", "libopus", "-b:a", "32k", "-f", "rtp", f"rtp://127.0.0.1:{audio}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.base = f"/api/recordings/{self.recording}/play/"

    def wait_for(self, server, name, seconds=30):
        until = time.time() + seconds
        while time.time() < until:
            answer = server.request("GET", self.base + name)
            if answer.status == 200:
                return answer.content
            time.sleep(0.1)
        raise AssertionError((name, answer.status, answer.content))

    def end(self):
        self.sender.kill()
        self.sender.wait()


def boxes(data):
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        yield data[at + 4:at + 8], data[at + 8:at + size]
        at += size


def media_bytes(data):
    return b"".join(body for kind, body in boxes(data) if kind == b"mdat")


class Viewer(threading.Thread):
    """Follows one rendition as a player does: asks for the part that comes next, and for the playlist that names it."""

    def __init__(self, server, base, rendition):
        super().__init__()
        self.server, self.base, self.rendition = server, base, rendition
        self.playlists, self.parts, self.hinted, self.error = [], {}, [], None

    def get(self, name):
        return self.server.request("GET", f"{self.base}{self.rendition}/{name}")

    def run(self):
        try:
            self.follow()
        except Exception as error:  # told by the test
            self.error = error

    def follow(self):
        query = ""
        while True:
            answer = self.get("index.m3u8" + query)
            assert answer.status == 200, (query, answer.status, answer.content)
            now = playlists.Live(answer.content.decode())
            if self.playlists:
                now.follows(self.playlists[-1])
            self.playlists.append(now)
            if now.ended:
                return
            hint = now.hint["URI"]
            part = self.get(hint)
            if part.status == 200:
                self.parts[hint] = part.content
                self.hinted.append(hint)
            number, index = map(int, re.fullmatch(r"parts/(\d+)\.(\d+)\.m4s", hint).groups())
            query = f"?_HLS_msn={number}&_HLS_part={index}"


@unittest.skipUnless(shutil.which("ffmpeg"), "ffmpeg is not installed")
class LowLatency(unittest.TestCase):
    def test_a_player_follows_by_parts_until_the_end(self):
        with Server() as server:
            call = Call(server, 7)
            until = time.time() + 30
            while b"AUDIO=" not in (top := call.wait_for(server, "index.m3u8")) and time.time() < until:
                time.sleep(0.1)
            self.assertIn(b'TYPE=SUBTITLES,GROUP-ID="marks"', top)
            viewers = [Viewer(server, call.base, "v1"), Viewer(server, call.base, "a1")]
            for viewer in viewers:
                viewer.start()
            marked = server.request("POST", f"/api/recordings/{call.recording}/marks", b'{"text": "now < then"}', {"Content-Type": "application/json"})
            self.assertEqual(marked.status, 204)
            call.sender.wait()
            for viewer in viewers:
                viewer.join(timeout=60)
                if viewer.error:
                    raise viewer.error
            lasts = server.json(call.base + "index.json")["programs"][0]["duration_ms"] / 1000
            for viewer in viewers:
                self.assertGreater(len(viewer.hinted), 1, viewer.rendition)  # on a busy machine few are asked for in time
                last = viewer.playlists[-1]
                self.assertAlmostEqual(last.duration(), lasts, delta=0.1)
                self.assertTrue(any(other["URI"].startswith("../") for other in viewer.playlists[0].reports))
                whole = 0
                for number, segment in enumerate(last.segments):
                    named = [part["URI"] for part in segment["parts"]]
                    if not named:
                        continue
                    pieces = b"".join(media_bytes(viewer.parts.get(name) or viewer.get(name).content) for name in named)
                    self.assertEqual(pieces, media_bytes(viewer.get(segment["uri"]).content), (viewer.rendition, number))
                    whole += 1
                self.assertGreater(whole, 0, viewer.rendition)
            marks = server.request("GET", call.base + "marks/index.m3u8").content.decode()
            text = "".join(server.request("GET", f"{call.base}marks/{name}").content.decode() for name in re.findall(r"^\d+\.vtt$", marks, re.M))
            self.assertIn("now &lt; then", text)

    def test_what_is_asked_for_too_early(self):
        with Server() as server:
            call = Call(server, 30)
            try:
                call.wait_for(server, "v1/index.m3u8")
                for query, status in (("_HLS_part=1", 400), ("_HLS_msn=900", 400), ("_HLS_msn=0&_HLS_part=900", 400), ("_HLS_msn=0&_HLS_part=0", 200)):
                    self.assertEqual(server.request("GET", f"{call.base}v1/index.m3u8?{query}").status, status, query)
                for name in ("900.0.m4s", "0.900.m4s", "0.0.mp4", "0.m4s", "init-0.0.m4s", "00.0.m4s", "0.-1.m4s"):
                    self.assertEqual(server.request("GET", f"{call.base}v1/parts/{name}").status, 404, name)
            finally:
                call.end()

    @unittest.skipUnless(shutil.which("ffprobe"), "ffprobe is not installed")
    def test_what_a_crash_has_cut_off_plays_to_its_last_whole_frame(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-live-"))
        try:
            with Server(folder=folder) as server:
                call = Call(server, 30)
                call.wait_for(server, "v1/1.m4s")  # more than two seconds
                server.stop(signal.SIGKILL)
                call.end()
            # What the records hold, by a second way: each record file's whole packets, converted on their own.
            cut = folder / "recordings" / call.recording
            copy = folder / "copy"
            shutil.copytree(cut, copy)
            with Server("--packet-index", folder=folder) as server:
                server.wait_for_state(call.recording, "ready")
                self.assertTrue((cut / "packets.rtpxp").is_file())
                top = server.request("GET", call.base + "index.m3u8")
                self.assertEqual(top.status, 200)
                media = server.request("GET", call.base + "v1/index.m3u8").content.decode()
                self.assertTrue(media.endswith("#EXT-X-ENDLIST\n"))
                played = self.frames(f"{server.url}{call.base[1:]}index.m3u8")
            subprocess.run([RTPX, "recover", str(copy)], check=False, capture_output=True)
            result = json.loads(subprocess.run([RTPX, "convert", str(copy), "-o", str(folder / "out"), "--json"], capture_output=True).stdout)
            self.assertEqual(played, self.frames(next(iter(result.values()))["location"]))
            self.assertGreater(played, 60)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def frames(self, address):
        told = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v:0", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0",
                               "-allowed_extensions", "ALL", address] if address.startswith("http") else
                              ["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v:0", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", address],
                              check=True, capture_output=True, text=True).stdout
        return int(told.split()[0].strip(","))


if __name__ == "__main__":
    run_tests()
