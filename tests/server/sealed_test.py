#!/usr/bin/env python3
"""Sealed recordings on a server: sealed_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from running_server import DATA, RTPX, Server, run_tests

NAME = "20261128-100000"


def run(*arguments):
    return subprocess.run([RTPX, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


class Sealed(unittest.TestCase):
    def setUp(self):
        self.own = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-sealed-"))
        self.addCleanup(shutil.rmtree, self.own, True)
        self.identity = self.own / "alice.identity"
        self.recipient = run("keygen", "-o", self.identity, "--no-passphrase").strip()
        run("export", DATA, "-o", self.own / "call.pcap")

    def server(self, *options):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-sealed-server-"))
        self.addCleanup(shutil.rmtree, folder, True)
        run("import", self.own / "call.pcap", "--sdp", DATA / "offer.sdp", "--recipient", self.recipient, "-o",
            folder / "recordings" / NAME)
        return Server(*options, folder=folder)

    def test_without_an_identity_it_is_kept_and_shown_and_a_viewer_opens_it(self):
        with self.server() as server:
            entry = server.wait_for_state(NAME, "failed", seconds=120)
            self.assertTrue(entry["sealed"])
            self.assertIn("sealed", entry["encrypted"]["what"])
            self.assertEqual(entry["files"], [])
            self.assertNotEqual(server.request("GET", f"/api/recordings/{NAME}/play/index.m3u8").status, 200)
            post = lambda body: server.request("POST", f"/api/recordings/{NAME}/decrypted", body)  # noqa: E731
            other = self.own / "bob.identity"
            run("keygen", "-o", other, "--no-passphrase")
            self.assertNotEqual(post(other.read_bytes()).status, 201)
            answer = post(self.identity.read_bytes())
            self.assertEqual(answer.status, 201, answer.content)
            opened = json.loads(answer.content)
            (file,) = opened["files"]
            whole = server.request("GET", file["url"])
            self.assertEqual((whole.status, len(whole.content)), (200, file["bytes"]))
            self.assertEqual(server.request("GET", file["url"].replace(opened["ticket"], "x" * 24)).status, 404)
            secret = self.identity.read_text().split("RTPXSECRET1")[1].strip().encode()
            for path in server.folder.rglob("*"):
                if path.is_file():
                    self.assertNotIn(secret, path.read_bytes(), path)
            (self.own / "file.webm").write_bytes(whole.content)
            subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-i", self.own / "file.webm", "-f", "null", "-"], check=True)

    def test_a_server_with_an_identity_converts_and_plays(self):
        with self.server("--identity", str(self.identity)) as server:
            entry = server.wait_for_state(NAME, "ready", "failed", seconds=120)
            self.assertNotIn("sealed", entry)
            self.assertEqual(len(entry["tracks"]), 2)
            self.assertGreaterEqual(len(entry["files"]), 1)
            self.assertEqual(server.request("GET", f"/api/recordings/{NAME}/play/index.m3u8").status, 200)

    def test_outputs_are_sealed_where_that_is_asked_for(self):
        with self.server("--identity", str(self.identity), "--seal-output") as server:
            server.wait_for_state(NAME, "ready", "failed", seconds=120)
            output = server.folder / "recordings" / NAME / "output"
            media = [path for path in output.iterdir() if path.suffix in (".webm", ".mkv", ".mp4")]
            self.assertTrue(media)
            for path in media:
                self.assertTrue(path.read_bytes().startswith(b"RTPXSEAL"), path)

    def test_a_film_is_sealed_where_that_is_asked_for(self):
        with self.server("--identity", str(self.identity), "--seal-output") as server:
            server.wait_for_state(NAME, "ready", "failed", seconds=120)
            wish = json.dumps({"layout": "grid", "size": "320x180", "title": ""}).encode()
            path = f"/api/recordings/{NAME}"
            self.assertEqual(server.request("POST", path + "/compose", wish, {"Content-Type": "application/json"}).status, 202)
            end = time.monotonic() + 120
            while (film := server.json(path)["film"])["state"] in ("waiting", "running"):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.1)
            self.assertEqual(film["state"], "done", film)
            (self.own / "film.mp4").write_bytes(server.request("GET", film["url"]).content)
            for name in ("film.mp4", "film.vtt", "film.mp4_thumbnail.jpg", "film.mp4_sprites.jpg", "film.mp4_sprites.vtt"):
                sealed = (server.folder / "recordings" / NAME / "output" / name).read_bytes()
                self.assertTrue(sealed.startswith(b"RTPXSEAL"), name)
            self.assertFalse((server.folder / "recordings" / NAME / "output" / ".film").exists())
        run("open", self.own / "film.mp4", "--identity", self.identity, "-o", self.own / "plain")
        self.assertEqual((self.own / "plain" / "film.mp4").read_bytes()[4:8], b"ftyp")

    def test_a_server_with_several_identities_opens_what_is_sealed_for_any(self):
        bob = self.own / "bob.identity"
        bobs = run("keygen", "-o", bob, "--no-passphrase").strip()
        with self.server("--identity", str(bob), "--identity", str(self.identity)) as server:
            run("import", self.own / "call.pcap", "--sdp", DATA / "offer.sdp", "--recipient", bobs, "-o",
                server.folder / "recordings" / "20261128-100001")
            server.request("POST", "/api/recordings/20261128-100001/convert")
            for name in (NAME, "20261128-100001"):
                self.assertEqual(server.wait_for_state(name, "ready", "failed", seconds=120)["state"], "ready", name)

    def test_what_it_records_is_sealed(self):
        # Publishing is tested elsewhere; here the recorder's options arrive.
        with Server("--recipient", self.recipient) as server:
            sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n"
            answer = server.request("POST", "/api/ingest", sdp.encode(), {"Content-Type": "application/sdp"})
            self.assertEqual(answer.status, 201, answer.content)
            recordings = [path for path in (server.folder / "recordings").iterdir() if (path / "manifest.json").exists()]
            self.assertEqual(len(recordings), 1)
            self.assertTrue((recordings[0] / "manifest.json").read_bytes().startswith(b"RTPXSEAL"))
            self.assertIn("sealed", json.loads((recordings[0] / "recording.json").read_text()))


if __name__ == "__main__":
    run_tests()
