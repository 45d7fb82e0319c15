#!/usr/bin/env python3
"""Playing by the API without converting: playlists, segments, conditions, ranges, who may: play_test.py PATH_TO_RTPX DATA_FOLDER"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as xml

from running_server import DATA, RTPX, Server, add_recording, run_tests

BASE = "/api/recordings/20261122-100000/play/"
HLS, DASH = "application/vnd.apple.mpegurl", "application/dash+xml"


class Play(unittest.TestCase):
    def test_every_address_that_playlists_name_is_there(self):
        with Server() as server:
            add_recording(server.folder)
            top = server.request("GET", BASE + "index.m3u8")
            self.assertEqual((top.status, top.headers["Content-Type"]), (200, HLS))
            named = re.findall(r'URI="([^"]+)"', top.content.decode()) + re.findall(r"^(\w.*)$", top.content.decode(), re.M)
            self.assertEqual(len(named), 2)
            segments = 0
            for playlist in named:
                media = server.request("GET", BASE + playlist)
                self.assertEqual((media.status, media.headers["Content-Type"]), (200, HLS))
                text = media.content.decode()
                self.assertTrue(text.endswith("#EXT-X-ENDLIST\n"))
                folder = playlist.rsplit("/", 1)[0] + "/"
                for name in re.findall(r'URI="([^"]+)"', text) + re.findall(r"^(\w.*)$", text, re.M):
                    answer = server.request("GET", BASE + folder + name)
                    self.assertEqual(answer.status, 200, name)
                    self.assertIn(answer.content[4:8], (b"ftyp", b"moof"))
                    segments += 1
            self.assertGreaterEqual(segments, 4)
            manifest = server.request("GET", BASE + "manifest.mpd")
            self.assertEqual((manifest.status, manifest.headers["Content-Type"]), (200, DASH))
            self.assertTrue(xml.fromstring(manifest.content).tag.endswith("MPD"))
            index = server.json(BASE + "index.json")
            self.assertFalse(index["growing"])
            for rendition in index["programs"][0]["renditions"]:
                for part in rendition["inits"] + rendition["segments"]:
                    self.assertEqual(server.request("GET", BASE + part["url"]).status, 200, part)

    def test_conditions_and_ranges(self):
        with Server() as server:
            add_recording(server.folder)
            for name in ("index.m3u8", "v1/index.m3u8", "v1/0.m4s", "v1/0.webm"):
                whole = server.request("GET", BASE + name)
                self.assertEqual(whole.status, 200, name)
                again = server.request("GET", BASE + name, headers={"If-None-Match": whole.headers["ETag"]})
                self.assertEqual((again.status, again.content), (304, b""), name)
                part = server.request("GET", BASE + name, headers={"Range": "bytes=10-19"})
                self.assertEqual((part.status, part.content), (206, whole.content[10:20]), name)
                self.assertEqual(part.headers["Content-Range"], f"bytes 10-19/{len(whole.content)}")
                beyond = server.request("GET", BASE + name, headers={"Range": "bytes=999999999-"})
                self.assertEqual(beyond.status, 416, name)
                head = server.request("HEAD", BASE + name)
                self.assertEqual((head.status, head.headers["Content-Length"]), (200, str(len(whole.content))), name)

    def test_what_is_not_there(self):
        with Server() as server:
            add_recording(server.folder)
            for name in ("index-2.m3u8", "index-1.m3u8", "manifest-9.mpd", "index.html", "v1/9999.m4s", "v1/00.m4s", "v1/-1.m4s", "v1/0.mp4",
                         "v1/init-7.mp4", "v9/index.m3u8", "v9/0.m4s", "v1/18446744073709551617.m4s", "a1/manifest.json", "v1/0.m4s.m4s"):
                self.assertEqual(server.request("GET", BASE + name).status, 404, name)
            self.assertEqual(server.request("GET", "/api/recordings/none/play/index.m3u8").status, 404)
            self.assertEqual(server.request("POST", BASE + "index.m3u8").status, 405)

    def test_a_container_that_does_not_hold_the_codec(self):
        with Server() as server:
            add_recording(server.folder)
            self.assertEqual(server.request("GET", BASE + "a1/0.m4s").status, 200)
            self.assertEqual(server.request("GET", BASE + "a1/0.webm").status, 200)  # Opus goes into both

    def test_a_link_opens_all_of_it_and_nothing_else(self):
        with Server("--token", "secret") as server:
            add_recording(server.folder)
            add_recording(server.folder, "20261122-110000")
            bearer = {"Authorization": "Bearer secret"}
            self.assertEqual(server.request("GET", BASE + "index.m3u8").status, 401)
            shared = server.request("POST", "/api/recordings/20261122-100000/links", headers=bearer)
            link = re.search(rb'"link":"([^"]+)"', shared.content).group(1).decode()
            top = server.request("GET", f"{BASE}index.m3u8?link={link}")
            self.assertEqual(top.status, 200)
            media = re.search(r"^(v1/index\.m3u8\?link=.+)$", top.content.decode(), re.M).group(1)
            text = server.request("GET", BASE + media).content.decode()
            segment = re.search(r"^(0\.m4s\?link=.+)$", text, re.M).group(1)
            self.assertEqual(server.request("GET", f"{BASE}v1/{segment}").status, 200)
            other = BASE.replace("100000", "110000")
            self.assertEqual(server.request("GET", f"{other}v1/{segment}").status, 401)

    def test_a_recording_that_is_no_good_is_said_to_be(self):
        with Server() as server:
            add_recording(server.folder)
            folder = server.folder / "recordings" / "20261122-100000"
            for file in folder.glob("*.rtpx"):
                file.write_bytes(b"\xff" * 5000)
            answer = server.request("GET", BASE + "index.m3u8")
            self.assertEqual(answer.status, 404)
            self.assertIn(b"nothing that can be played", answer.content)


CLIP = "/api/recordings/20261122-100000/"
H264 = DATA.parent / "h264_l1t3"


class Cuts(unittest.TestCase):
    def command(self, *arguments):
        return subprocess.run([RTPX, *arguments], check=True, capture_output=True).stdout

    def test_a_cut_is_what_the_command_makes(self):
        with Server() as server, tempfile.TemporaryDirectory() as scratch:
            add_recording(server.folder)
            recordings = server.folder / "recordings"
            shutil.copytree(H264, recordings / "h264")
            for name, kind, exact in (("h264", "mp4", "edit"), ("20261122-100000", "webm", "encode")):
                base = f"/api/recordings/{name}/"
                answer = server.request("GET", f"{base}clip.{kind}?from=1.25&to=2.5")
                self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, f"video/{kind}"), answer.content[:300])
                result = json.loads(self.command("convert", str(recordings / name), "-o", f"{scratch}/{kind}", "--json", "--no-reports", "--layers", "best",
                                                 "--format", kind, "--from=1.25", "--to=2.5", f"--exact={exact}"))
                whole = pathlib.Path(next(iter(result.values()))["location"]).read_bytes()
                self.assertEqual(len(answer.content), len(whole))
                if kind == "mp4":
                    self.assertEqual(answer.content, whole)
                rough = server.request("GET", f"{base}clip.{kind}?from=1.25&to=2.5&exact=no")
                self.assertEqual(rough.status, 200)
                self.assertNotEqual(rough.content, answer.content)
                refused = server.request("GET", f"{base}clip.{'webm' if kind == 'mp4' else 'mp4'}?from=1.25&to=2.5")
                self.assertEqual(refused.status, 422, refused.content)
                self.assertIn(b"cannot hold", refused.content)
                self.assertNotIn(str(server.folder).encode(), refused.content)
            picture = server.request("GET", CLIP + "frame.jpg?at=1.25&size=320x")
            self.assertEqual((picture.status, picture.headers["Content-Type"]), (200, "image/jpeg"))
            self.assertEqual(picture.content, self.command("frame", str(recordings / "20261122-100000"), "--at", "1.25", "--size", "320x", "-o", "-"))
            self.assertEqual(list(recordings.glob(".cut-*")), [])

    def test_conditions_ranges_and_names(self):
        with Server() as server:
            add_recording(server.folder)
            (server.folder / "recordings" / "20261122-100000" / "recording.json").write_text(json.dumps({
                "format": {"major": 1, "minor": 0}, "name": "a/b: c", "created": "2026-11-22T10:00:00Z", "ended_at": "2026-11-22T10:01:00Z"}))
            for name in ("clip.webm?from=1&to=2", "clip.webm?to=1&exact=no", "frame.jpg?at=1"):
                whole = server.request("GET", CLIP + name)
                self.assertEqual(whole.status, 200, name)
                again = server.request("GET", CLIP + name, headers={"If-None-Match": whole.headers["ETag"]})
                self.assertEqual((again.status, again.content), (304, b""), name)
                part = server.request("GET", CLIP + name, headers={"Range": "bytes=10-19", "If-Range": whole.headers["ETag"]})
                self.assertEqual((part.status, part.content), (206, whole.content[10:20]), name)
                self.assertEqual(server.request("GET", CLIP + name, headers={"Range": "bytes=999999999-"}).status, 416, name)
                head = server.request("HEAD", CLIP + name)
                self.assertEqual((head.status, head.headers["Content-Length"]), (200, str(len(whole.content))), name)
            saved = server.request("GET", CLIP + "clip.webm?from=0:01&to=0:02&exact=no&download").headers["Content-Disposition"]
            self.assertRegex(saved, r"^attachment; filename\*=UTF-8''a-b-%20c%202026-11-22%2010\.00\.00%20from%200\.01%20to%200\.02\.webm$")

    def test_what_cannot_be_cut(self):
        with Server() as server:
            add_recording(server.folder)
            for name in ("clip.mp4?from=2&to=1", "clip.mp4?from=1000", "clip.webm?from=abc", "clip.mp4?from=$(id)&to=2", "clip.mp4?from=1&exact=maybe",
                         "clip.mp4?from=" + "1" * 50, "frame.jpg", "frame.jpg?at=1000", "frame.jpg?at=--help", "frame.jpg?at=1&size=99999x99999",
                         "frame.jpg?at=1&size=x"):
                answer = server.request("GET", CLIP + name)
                self.assertEqual((answer.status, answer.headers["Content-Type"]), (400, "application/problem+json"), (name, answer.content))
            self.assertEqual(server.request("GET", CLIP + "clip.mp4?from=1&stream=--help").status, 422)
            self.assertEqual(server.request("GET", CLIP + "clip.ogg?from=1").status, 404)
            self.assertEqual(server.request("GET", "/api/recordings/none/clip.mp4?from=1").status, 404)
            self.assertEqual(server.request("POST", CLIP + "clip.mp4").status, 405)

    def test_a_link_opens_cuts_of_its_recording(self):
        with Server("--token", "secret") as server:
            add_recording(server.folder)
            add_recording(server.folder, "20261122-110000")
            shared = server.request("POST", CLIP + "links", headers={"Authorization": "Bearer secret"})
            link = json.loads(shared.content)["link"]
            for name in ("clip.webm?from=1&to=2", "frame.jpg?at=1"):
                self.assertEqual(server.request("GET", CLIP + name).status, 401)
                self.assertEqual(server.request("GET", f"{CLIP}{name}&link={link}").status, 200)
                self.assertEqual(server.request("GET", f"{CLIP.replace('100000', '110000')}{name}&link={link}").status, 401)

    def test_a_recording_that_changes_is_cut_anew(self):
        with Server() as server:
            add_recording(server.folder)
            before = server.request("GET", CLIP + "clip.webm?exact=no")
            video = max((server.folder / "recordings" / "20261122-100000").glob("*.rtpx"), key=lambda file: file.stat().st_size)
            os.truncate(video, video.stat().st_size // 2)
            after = server.request("GET", CLIP + "clip.webm?exact=no", headers={"If-None-Match": before.headers["ETag"]})
            self.assertEqual(after.status, 200)
            self.assertLess(len(after.content), len(before.content))


if __name__ == "__main__":
    run_tests()
