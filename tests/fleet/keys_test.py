#!/usr/bin/env python3
"""One recording key on two nodes, one of which has a wrong clock:
keys_test.py PATH_TO_RTPX DATA_FOLDER PATH_TO_PUBLISH PATH_TO_WRONG_CLOCK [unittest arguments]"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

PUBLISH, WRONG_CLOCK = sys.argv.pop(3), sys.argv.pop(3)
from fleet_servers import DATA, INSTALLED, RTPX, Fleet, wait_for  # noqa: E402

AHEAD_MS = 3000
ROOT = pathlib.Path(__file__).parent.parent.parent
BROWSER = all(shutil.which(name) for name in ("chromium", "node", "npm"))


class Publisher:
    """The program of tests/server/publish.cpp, connected to a node."""

    def __init__(self, fleet, node, query):
        self.process = subprocess.Popen([PUBLISH, DATA], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        offer = "".join(iter(self.process.stdout.readline, ".\n"))
        answer = fleet.request(node, "POST", f"/whip?{query}", offer.encode(), {"Content-Type": "application/sdp"})
        assert answer.status == 201, answer.content
        self.recording = answer.getheader("Link").split("recordings/")[1].split(">")[0]
        self.process.stdin.write(answer.content.decode() + ".\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "connected\n"

    def finish(self):
        self.process.communicate()


class OneKeyOnTwoNodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.fleet.init()
        sanitizers = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        cls.fleet.node("a", 0, "--linger", "1")
        cls.fleet.node("b", 1, "--linger", "1", env={"LD_PRELOAD": WRONG_CLOCK, "WRONG_CLOCK_MS": str(AHEAD_MS), "ASAN_OPTIONS": sanitizers})
        cls.fleet.worker("w1")
        for node in "ab":
            wait_for(lambda: "clock" in cls.fleet.get(node, "/api/fleet"), f"{node} knows how far its clock is")
        publishers = {"a": Publisher(cls.fleet, "a", "recording=room&name=Ann"), "b": Publisher(cls.fleet, "b", "recording=room&name=Bob")}
        alone = Publisher(cls.fleet, "a", "recording=hall&name=Cleo")
        cls.part = {node: one.recording for node, one in publishers.items()}
        for one in (*publishers.values(), alone):
            one.finish()
        for node, recording in (*cls.part.items(), ("a", alone.recording)):
            cls.fleet.wait_done(node, recording)

    @classmethod
    def tearDownClass(cls):
        cls.fleet.close()

    def path(self, rest=""):
        return f"/api/fleet/recordings/a/{self.part['a']}{rest}"

    def order(self, body):
        return self.fleet.request("b", "POST", self.path("/compose"), json.dumps(body))

    def made(self, body, generation):
        answer = self.order({"width": 320, "height": 180, **body})
        self.assertEqual(answer.status, 202, answer.content)
        return self.fleet.wait_done("a", self.part["a"], "compose", generation=generation, seconds=240)

    def stored(self, node, clock=True):
        """The part of a node, downloaded; with what it knows of its clock, or without."""
        prefix = f"{self.fleet.prefix}/recordings/{node}/{self.part[node]}/"
        folder = self.fleet.folder / "downloaded" / f"{node}-{clock}"
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.fleet.store.objects(prefix):
            (folder / pathlib.Path(name).name).write_bytes(self.fleet.store.read(name))
        info = json.loads((folder / "recording.json").read_text())
        if not clock:
            del info["clock"]
            (folder / "recording.json").write_text(json.dumps(info))
        return folder, info

    def test_each_part_knows_its_key_and_how_far_its_clock_was(self):
        off, error = {}, {}
        for node in "ab":
            info = self.stored(node)[1]
            self.assertEqual(info["key"], "room")
            self.assertEqual(self.fleet.get(node, f"/api/recordings/{self.part[node]}")["key"], "room")
            self.assertEqual(set(info["clock"]), {"begin", "end"})
            for when in ("begin", "end"):
                off[node, when], error[node, when] = info["clock"][when]["offset_us"], info["clock"][when]["error_us"]
                self.assertLess(error[node, when], 1_000_000)
        # NATS runs on this machine, whose clock is right by definition.
        for when in ("begin", "end"):
            self.assertLessEqual(abs(off["a", when]), error["a", when] + 1000)
            self.assertLessEqual(abs(off["b", when] + AHEAD_MS * 1000), error["b", when] + 1000)

    def test_downloaded_parts_are_one_call_on_one_clock(self):
        def joined(clock):
            folders = [self.stored(node, clock)[0] for node in "ab"]
            run = subprocess.run([RTPX, "compose", *folders, "--plan"], capture_output=True, text=True, check=True)
            at = {one["name"]: one["joined_ms"] for one in json.loads(run.stdout)["participants"]}
            self.assertEqual(set(at), {"Ann", "Bob"})
            return at["Bob"] - at["Ann"]
        # All clocks of this machine but the one that was made wrong are the same.
        self.assertAlmostEqual(joined(clock=False) - joined(clock=True), AHEAD_MS, delta=20)
        self.assertLess(abs(joined(clock=True)), 1500, "they came one after the other")

    def test_the_parts_of_a_key_are_told(self):
        for node in "ab":
            told = self.fleet.get(node, "/api/fleet/recordings?key=room")["recordings"]
            self.assertEqual({one["node"]: one["id"] for one in told}, self.part)
            self.assertTrue(all(one["key"] == "room" and one["from"] < one["until"] for one in told))
        self.assertLess(abs(int(told[0]["from"][17:19]) - int(told[1]["from"][17:19])) % 58, 3, "by one clock")
        self.assertEqual(self.fleet.get("a", "/api/fleet/recordings?key=nothing")["recordings"], [])
        self.assertEqual(len(self.fleet.get("a", "/api/fleet/recordings")["recordings"]), 3)
        self.assertEqual(self.fleet.get("b", self.path())["parts"], [{"node": "b", "id": self.part["b"]}])

    @unittest.skipUnless(BROWSER, "no browser")
    def test_the_page_makes_one_film_of_them(self):
        run = subprocess.run([ROOT / "tools" / "browser-test", RTPX, "fleet_key_page.mjs"], capture_output=True, text=True, timeout=420,
                             env={**os.environ, "RTPX_PAGE": f"http://127.0.0.1:{self.fleet.members['b'].port}/", "RTPX_KEY": "room"})
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_one_film_of_all_parts(self):
        job = self.made({}, 1)
        self.assertEqual(job["parts"], [{"node": "b", "id": self.part["b"]}])
        self.assertEqual(job["output"]["participants"], 2)
        notes = " ".join(note["message"] for note in job["output"]["notes"])
        self.assertIn("corrected by how far they were", notes)
        self.assertNotIn(str(self.fleet.folder), json.dumps(job))
        whole = job["output"]["duration_ms"]
        self.assertEqual(self.made({"slices": 2}, 2)["output"]["participants"], 2)
        self.assertEqual(self.made({"parts": False}, 3)["output"]["participants"], 1)
        again = self.made({"parts": [{"node": "b", "recording": self.part["b"]}]}, 4)["output"]
        self.assertEqual((again["participants"], again["duration_ms"]), (2, whole))
        for parts, status in ((7, 400), (["b"], 400), ([{"node": "b", "recording": "../a"}], 400), ([{"node": "a", "recording": self.part["a"]}], 400),
                              ([{"node": "b", "recording": "nothing"}], 404)):
            self.assertEqual(self.order({"parts": parts}).status, status, parts)


if __name__ == "__main__":
    if not INSTALLED:
        print("nats-server or swift is not installed")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
