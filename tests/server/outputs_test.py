#!/usr/bin/env python3
"""Several outputs of one recording: outputs_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import json
import os
import signal
import subprocess
import time
import unittest
import urllib.parse

from running_server import RTPX, Server, WebhookReceiver, add_recording, run_tests

SMALL = "small=mp4:video=h264,size=160x120,bitrate=200k"
SOUND = "sound=ogg:video=none"
BAD = "bad=mp4"  # VP8 as it is has no place in MP4


def outputs(*profiles):
    return [word for profile in profiles for word in ("--output", profile)]


def streams_of(file):
    probe = json.loads(subprocess.check_output(["ffprobe", "-v", "error", "-show_streams", "-of", "json", file]))
    return sorted((stream["codec_name"], stream.get("height", 0)) for stream in probe["streams"])


class Outputs(unittest.TestCase):
    def convert(self, server, name, body=None):
        return server.request("POST", f"/api/recordings/{name}/convert", None if body is None else json.dumps(body))

    def states(self, entry):
        return {output["profile"]: output["state"] for output in entry["outputs"]}

    def folder_of(self, server, name):
        return server.folder / "recordings" / name / "output"

    def test_each_is_made_told_and_named_and_a_bad_one_loses_none_of_the_others(self):
        with WebhookReceiver() as receiver, Server("--webhook", receiver.url, *outputs(BAD, "auto", SMALL, SOUND)) as server:
            name = add_recording(server.folder)
            self.assertEqual(self.convert(server, name).status, 202)
            entry = server.wait_for_state(name, "ready", "failed", seconds=120)
            self.assertEqual(self.states(entry), {"bad": "failed", "auto": "done", "small": "done", "sound": "done"})
            self.assertIn("bad: ", entry["error"])
            self.assertNotIn("small: ", entry["error"])
            self.assertEqual(entry["state"], "ready")
            files = {file["profile"]: file for file in entry["files"]}
            self.assertEqual([file["profile"] for file in entry["files"]], ["auto", "small", "sound"])
            self.assertGreaterEqual(entry["bytes"], sum(file["bytes"] for file in entry["files"]))
            folder = self.folder_of(server, name)
            self.assertEqual(streams_of(folder / files["auto"]["name"]), [("opus", 0), ("vp8", 480)])
            self.assertEqual(streams_of(folder / files["small"]["name"]), [("h264", 120), ("opus", 0)])
            self.assertEqual(streams_of(folder / files["sound"]["name"]), [("opus", 0)])
            self.assertEqual([profile for profile, file in files.items() if "thumbnail_url" in file], ["auto"], "pictures are made once, by the first that is made")
            told = receiver.wait_for("recording.converted")["data"]
            self.assertEqual([(file["profile"], file["bytes"]) for file in told["files"]], [(file["profile"], file["bytes"]) for file in entry["files"]])
            self.assertIn("bad: ", told["error"])
            for profile, end in (("auto", r"Z\.webm"), ("small", r"Z small\.mp4"), ("sound", r"Z sound\.ogg")):
                answer = server.request("GET", files[profile]["url"] + "?download")
                self.assertEqual(len(answer.content), files[profile]["bytes"])
                self.assertRegex(urllib.parse.unquote(answer.getheader("Content-Disposition")), end + "$")

    def test_only_what_is_missing_is_made_again(self):
        with Server(*outputs("auto", BAD)) as server:
            name = add_recording(server.folder)
            self.convert(server, name)
            entry = server.wait_for_state(name, "ready", "failed")
            self.assertEqual(self.states(entry), {"auto": "done", "bad": "failed"})
            made = self.folder_of(server, name) / entry["files"][0]["name"]
            before = made.stat()
            self.assertEqual(self.convert(server, name, {"retry": True}).status, 202)
            again = server.wait_for_state(name, "ready", "failed")
            self.assertEqual((self.states(again), again["files"]), (self.states(entry), entry["files"]))
            self.assertEqual((made.stat().st_ino, made.stat().st_mtime_ns), (before.st_ino, before.st_mtime_ns))
            # Others than the server's, and one of the server's by its name.
            self.assertEqual(self.convert(server, name, {"outputs": ["auto", SOUND]}).status, 202)
            entry = server.wait_for_state(name, "ready", "failed")
            self.assertEqual([file["profile"] for file in entry["files"]], ["auto", "sound"])
            self.assertNotIn("error", entry)
            self.assertEqual(self.convert(server, name, {"retry": True}).status, 409)
            self.assertEqual(self.convert(server, name, {"outputs": ["bad"]}).status, 202)
            entry = server.wait_for_state(name, "failed", "ready")
            self.assertEqual(entry["state"], "failed")
            self.assertEqual(sorted(file["name"].rsplit(".")[-1] for file in entry["files"]), ["ogg", "webm"], "what was made before stands")
            self.assertNotIn("bad", [file["profile"] for file in entry["files"]])
            for body in ({"outputs": ["avi"]}, {"outputs": []}, {"foo": 1}, {"outputs": "auto"}, {"outputs": [7]}, {"outputs": ["auto", "auto"]}, {"retry": 1}, {"retry": True, "outputs": []},
                         {"outputs": ["x=mp4:rm=-rf"]}, {"outputs": ["mp4"] * 17}, []):
                self.assertEqual(self.convert(server, name, body).status, 400, body)

    def test_what_was_made_before_goes_when_something_else_is_made(self):
        with Server() as server:
            name = add_recording(server.folder)
            for body in (None, {"outputs": ["mkv"]}, {"outputs": ["sound=ogg:video=none"]}):
                self.assertEqual(self.convert(server, name, body).status, 202)
                time.sleep(0.2)
                entry = server.wait_for_state(name, "ready", "failed", seconds=120)
                self.assertEqual(entry["state"], "ready")
                [file] = entry["files"]
                media = sorted(one.name for one in self.folder_of(server, name).iterdir() if one.suffix in (".webm", ".mkv", ".ogg", ".jpg", ".vtt"))
                self.assertEqual([one for one in media if not one.startswith(file["name"])], [], "nothing of the one before")
                self.assertIn(file["name"], media)

    def test_a_server_that_is_killed_goes_on_with_what_it_had_not_made(self):
        profiles = outputs("auto", "film=mp4:video=h264,size=640x480", SOUND)
        first = Server(*profiles)
        name = add_recording(first.folder)
        self.convert(first, name)
        until = time.time() + 60
        while time.time() < until:
            entry = first.json(f"/api/recordings/{name}")
            if [one["state"] for one in entry.get("outputs", [])] == ["done", "waiting", "waiting"]:
                break
            time.sleep(0.02)
        made = self.folder_of(first, name) / entry["files"][0]["name"]
        before = made.stat()
        first.stop(signal.SIGKILL)
        gone = subprocess.Popen(["true"])
        gone.wait()
        for left in (f".film.mp4.{gone.pid}-1.part", f".film.{gone.pid}.stage.mkv", f".mine.{os.getpid()}-1.part", ".notes.part"):
            (made.parent / left).write_bytes(b"half")
        with Server(*profiles, folder=first.folder) as second:
            second.keep = False
            entry = second.wait_for_state(name, "ready", "failed", seconds=180)
            self.assertEqual(self.states(entry), {"auto": "done", "film": "done", "sound": "done"})
            self.assertEqual((made.stat().st_ino, made.stat().st_mtime_ns), (before.st_ino, before.st_mtime_ns), "it was made once")
            left = {file.name for file in made.parent.iterdir() if file.name.endswith(".part") or ".stage" in file.name}
            self.assertEqual(left, {f".mine.{os.getpid()}-1.part", ".notes.part"}, "of processes that are no more nothing stays")

    def test_what_is_no_profile_is_refused_at_the_start_with_what_there_is(self):
        for profiles, said in ((["avi"], "none of auto, webm"), (["mp4:audio=aac"], "needs a name"), (["mp4=mp4"], "is no format"), (["a=mp4:video=xvid"], "video=copy|vp8"),
                               (["a=mp4:size=10x10"], "need video="), (["a=mp4:video=none,audio=none"], "nothing is left"), (["a=mp4", "a=webm"], "twice"),
                               (["mp4", "fmp4"], "same file")):
            run = subprocess.run([RTPX, "serve", "--listen", "127.0.0.1:0", "--base-dir", "/nonexistent", *outputs(*profiles)], capture_output=True, text=True, timeout=30)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertIn(said, run.stderr)


if __name__ == "__main__":
    run_tests()
