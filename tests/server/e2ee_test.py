#!/usr/bin/env python3
"""Calls that were encrypted end to end, on a server: e2ee_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]

Needs the captures that RTPX_CAPTURES names; exits 77 without.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from running_server import RTPX, Server, run_tests

CAPTURES = os.environ.get("RTPX_CAPTURES")
if not CAPTURES:
    print("skipped: set RTPX_CAPTURES to run")
    sys.exit(1 if os.environ.get("RTPX_REQUIRE_CAPTURES") else 77)
CALLS = pathlib.Path(CAPTURES) / "e2ee"
NAME = "20261128-100000"


def server_with(call, *options):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-e2ee-"))
    shutil.copytree(CALLS / call / "recording", folder / "recordings" / NAME)
    for file in ("recording.json",):  # it says that it was converted already
        (folder / "recordings" / NAME / file).unlink(missing_ok=True)
    server = Server(*options, folder=folder)
    server.keep = False
    return server


def keys_of(call):
    return (CALLS / call / "keys.json").read_bytes()


def frames_in(data):
    with tempfile.NamedTemporaryFile(suffix=".webm") as file:
        file.write(data)
        file.flush()
        probed = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=codec_type,nb_read_packets",
                                 "-of", "json", file.name], capture_output=True, check=True)
        errors = subprocess.run(["ffmpeg", "-v", "error", "-i", file.name, "-f", "null", "-"], capture_output=True, check=True).stderr
    errors = b"".join(line for line in errors.splitlines(True) if b"non monotonically increasing dts to muxer" not in line)
    return {s["codec_type"]: int(s["nb_read_packets"]) for s in json.loads(probed.stdout)["streams"]}, errors


class Encrypted(unittest.TestCase):
    def test_it_is_said_to_be_encrypted_and_nothing_is_made_of_it(self):
        with server_with("lk_vp8") as server:
            entry = server.wait_for_state(NAME, "failed", seconds=240)
            self.assertRegex(entry["encrypted"]["what"], r"^end-to-end encrypted \(LiveKit format\), key index 0, from 0:00:0\d\.\d+ on$")
            self.assertTrue(entry["encrypted"]["decrypts"])
            self.assertEqual(entry["files"], [])
            self.assertNotIn("sealed_files", entry["encrypted"])

    def test_a_viewer_with_the_key_gets_files_that_play_and_nobody_else_does(self):
        with server_with("lk_vp8") as server:
            server.wait_for_state(NAME, "failed", seconds=240)
            answer = server.request("POST", f"/api/recordings/{NAME}/decrypted", keys_of("lk_vp8"))
            self.assertEqual(answer.status, 201, answer.content)
            opened = json.loads(answer.content)
            self.assertFalse(opened["has_losses"])
            (file,) = opened["files"]
            whole = server.request("GET", file["url"])
            self.assertEqual((whole.status, len(whole.content)), (200, file["bytes"]))
            self.assertIn("no-store", whole.getheader("Cache-Control"))
            frames, errors = frames_in(whole.content)
            self.assertEqual((frames["video"], errors), (281, b""))
            part = server.request("GET", file["url"], headers={"Range": "bytes=10-19"})
            self.assertEqual((part.status, part.content), (206, whole.content[10:20]))
            # For this viewer only, and nowhere on the disk.
            self.assertEqual(server.request("GET", file["url"].replace(opened["ticket"], "x" * 24)).status, 404)
            self.assertEqual(server.json(f"/api/recordings/{NAME}")["files"], [])
            left = [str(path) for path in (server.folder / "recordings").rglob("*") if ".opened-" in str(path) or path.suffix == ".webm"]
            self.assertEqual(left, [])
            self.assertEqual(server.request("DELETE", f"/api/recordings/{NAME}/decrypted/{opened['ticket']}").status, 204)
            self.assertEqual(server.request("GET", file["url"]).status, 404)

    def test_keys_that_open_nothing_say_so(self):
        with server_with("jf_vp8") as server:
            server.wait_for_state(NAME, "failed", seconds=240)
            post = lambda body: server.request("POST", f"/api/recordings/{NAME}/decrypted", body)  # noqa: E731
            wrong = post(b'{"keys": [{"hex": "00ff"}]}')
            self.assertEqual(wrong.status, 422, wrong.content)
            self.assertIn(b"none of the keys given fits", wrong.content)
            self.assertEqual(post(b'{"keys": [{"hexx": "00ff"}]}').status, 400)
            self.assertEqual(post(b"").status, 400)
            self.assertEqual(post(b"x" * (49 << 10)).status, 413)
            self.assertEqual(server.request("POST", "/api/recordings/nobody/decrypted", b"{}").status, 404)

    def test_the_key_is_nowhere_but_in_memory(self):
        secret = "correct horse battery staple"
        with server_with("lk_h264", "--log-level", "debug") as server:
            server.wait_for_state(NAME, "failed", seconds=240)
            seen, done = set(), threading.Event()

            def watch():
                while not done.is_set():
                    for process in pathlib.Path("/proc").glob("[0-9]*"):
                        try:
                            if f"\nPPid:\t{server.process.pid}\n" not in (process / "status").read_text():
                                continue
                            command = (process / "cmdline").read_bytes()
                            seen.add(command + (process / "environ").read_bytes())
                        except OSError:
                            continue
                    time.sleep(0.01)

            watcher = threading.Thread(target=watch)
            watcher.start()
            answer = server.request("POST", f"/api/recordings/{NAME}/decrypted", keys_of("lk_h264"))
            done.set()
            watcher.join()
            self.assertEqual(answer.status, 201, answer.content)
            self.assertTrue(any(b"--e2ee-keys" in command for command in seen), seen)
            for text in seen:
                self.assertNotIn(secret.encode(), text)
            for path in server.folder.rglob("*"):
                if path.is_file():
                    self.assertNotIn(secret.encode(), path.read_bytes(), path)

    def test_a_server_that_never_decrypts_offers_the_sealed_files_and_the_command(self):
        with server_with("lk_vp9", "--never-decrypt-on-server") as server:
            encrypted = server.wait_for_state(NAME, "failed", seconds=240)["encrypted"]
            self.assertFalse(encrypted["decrypts"])
            self.assertEqual(server.request("POST", f"/api/recordings/{NAME}/decrypted", keys_of("lk_vp9")).status, 403)
            own = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-e2ee-own-"))
            call = own / NAME
            call.mkdir()
            for file in encrypted["sealed_files"]:
                (call / file["name"]).write_bytes(server.request("GET", file["url"]).content)
            (own / "keys.json").write_bytes(keys_of("lk_vp9"))
            words = encrypted["command"].split()
            subprocess.run([RTPX, *words[1:], "-o", "videos"], cwd=own, check=True, capture_output=True)
            files = list((own / "videos").glob("*.webm"))
            self.assertEqual(len(files), 1)
            frames, errors = frames_in(files[0].read_bytes())
            self.assertEqual((frames["video"], errors), (278, b""))
            shutil.rmtree(own)

    def test_tokens_and_links_decide_who_may_bring_a_key(self):
        with server_with("lk_vp8", "--token", "secret-of-admin") as server:
            admin = {"Authorization": "Bearer secret-of-admin"}
            path = f"/api/recordings/{NAME}/decrypted"
            self.assertEqual(server.request("POST", path, keys_of("lk_vp8")).status, 401)
            link = json.loads(server.request("POST", f"/api/recordings/{NAME}/links", b"", admin).content)["link"]
            answer = server.request("POST", f"{path}?link={link}", keys_of("lk_vp8"))
            self.assertEqual(answer.status, 201, answer.content)
            url = json.loads(answer.content)["files"][0]["url"]
            self.assertEqual(server.request("GET", url).status, 401)
            self.assertEqual(server.request("GET", f"{url}?link={link}").status, 200)

    def test_it_plays_at_once_for_who_has_given_the_key(self):
        with server_with("lk_vp8") as server:
            path, base = f"/api/recordings/{NAME}/play-keys", f"/api/recordings/{NAME}/play/"
            self.assertIn(server.request("GET", base + "index.json").status, (404, 422))
            for body, status in ((b"", 400), (b'{"keys": [{"hexx": "00ff"}]}', 400), (b"x" * (49 << 10), 413)):
                self.assertEqual(server.request("POST", path, body).status, status, body[:40])
            answer = server.request("POST", path, keys_of("lk_vp8"))
            self.assertEqual(answer.status, 201, answer.content)
            ticket = json.loads(answer.content)["ticket"]
            index = server.json(f"{base}index.json?keys={ticket}")
            (picture,) = [one for one in index["programs"][0]["renditions"] if one["kind"] == "video"]
            self.assertEqual((picture["width"], picture["height"]), (640, 360))
            names = [picture["inits"][0]["url"]] + [segment["url"] for segment in picture["segments"]]
            self.assertTrue(all(f"keys={ticket}" in name for name in names))
            frames, errors = frames_in(b"".join(server.request("GET", base + name).content for name in names))
            self.assertEqual((frames["video"], errors), (281, b""))
            self.assertEqual(server.request("GET", f"{base}index.m3u8?keys={ticket}").status, 200)
            for other in ("", "?keys=" + "x" * 24):
                self.assertIn(server.request("GET", f"{base}index.json{other}").status, (404, 422))
            self.assertEqual(server.request("DELETE", f"{path}/{ticket}").status, 204)
            self.assertEqual(server.request("DELETE", f"{path}/{ticket}").status, 404)
            for name in ("index.json?keys=" + ticket, names[-1]):
                self.assertEqual(server.request("GET", base + name).status, 404, name)
        with server_with("lk_vp8", "--never-decrypt-on-server") as server:
            self.assertEqual(server.request("POST", f"/api/recordings/{NAME}/play-keys", keys_of("lk_vp8")).status, 403)

    def test_keys_for_playing_are_in_no_file_and_go_with_tokens_and_links(self):
        secret = b"correct horse battery staple"
        self.assertIn(secret, keys_of("lk_h264"))
        with server_with("lk_h264", "--token", "secret-of-admin", "--log-level", "debug") as server:
            admin = {"Authorization": "Bearer secret-of-admin"}
            path = f"/api/recordings/{NAME}/play-keys"
            self.assertEqual(server.request("POST", path, keys_of("lk_h264")).status, 401)
            link = json.loads(server.request("POST", f"/api/recordings/{NAME}/links", b"", admin).content)["link"]
            answer = server.request("POST", f"{path}?link={link}", keys_of("lk_h264"))
            self.assertEqual(answer.status, 201, answer.content)
            ticket = json.loads(answer.content)["ticket"]
            base = f"/api/recordings/{NAME}/play/index.m3u8?keys={ticket}"
            self.assertEqual(server.request("GET", base).status, 401)
            top = server.request("GET", f"{base}&link={link}")
            self.assertEqual(top.status, 200)
            self.assertIn(f"?link={link}&keys={ticket}".encode(), top.content)
            for file in server.folder.rglob("*"):
                if file.is_file():
                    self.assertNotIn(secret, file.read_bytes(), file)

    def test_package_takes_keys(self):
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copytree(CALLS / "lk_vp8" / "recording", f"{scratch}/call")
            keys = ["--e2ee-keys", str(CALLS / "lk_vp8" / "keys.json")]
            without = subprocess.run([RTPX, "package", f"{scratch}/call", "-o", f"{scratch}/nothing"], capture_output=True)
            self.assertEqual(without.returncode, 3, without.stderr)
            subprocess.run([RTPX, "package", f"{scratch}/call", "-o", f"{scratch}/site", *keys], capture_output=True, check=True)
            index = json.loads(pathlib.Path(f"{scratch}/site/index.json").read_text())
            (picture,) = [one for one in index["programs"][0]["renditions"] if one["kind"] == "video"]
            names = [picture["inits"][0]["url"]] + [segment["url"] for segment in picture["segments"]]
            frames, errors = frames_in(b"".join(pathlib.Path(f"{scratch}/site/{name}").read_bytes() for name in names))
            self.assertEqual((frames["video"], errors), (281, b""))

    def test_what_was_sent_plain_in_part_is_ready_and_says_what_is_missing(self):
        with server_with("lk_toggle_vp8") as server:
            entry = server.wait_for_state(NAME, "ready", seconds=240)
            self.assertTrue(entry["has_losses"])
            self.assertIn("LiveKit format", entry["encrypted"]["what"])
            self.assertEqual(len(entry["files"]), 1)


run_tests()
