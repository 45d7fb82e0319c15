#!/usr/bin/env python3
"""Nodes play each other's recordings from the store: play_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from fleet_servers import DATA, INSTALLED, RTPX, Fleet, converted_alone, wait_for

ROOT = pathlib.Path(__file__).parent.parent.parent
BROWSER = all(shutil.which(name) for name in ("chromium", "node", "npm"))
SIZE = sum(file.stat().st_size for file in DATA.iterdir())


class AnyNodePlays(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.fleet.init()
        os.environ["RTPX_INDEX_KEY"] = str(cls.fleet.folder / "shared.key")
        cls.fleet.node("a", 0)
        cls.fleet.node("b", 1)
        os.environ["RTPX_INDEX_KEY"] = str(cls.fleet.folder / "own.key")
        cls.fleet.node("c", 2)

    @classmethod
    def tearDownClass(cls):
        del os.environ["RTPX_INDEX_KEY"]
        cls.fleet.close()

    def read(self, node, address):
        answer = self.fleet.request(node, "GET", address)
        self.assertEqual(answer.status, 200, f"{node} {address}: {answer.content[:300]} {self.fleet.members[node].text()[-2000:]}")
        return answer.content

    def received(self):
        """Bytes that the store has sent since the last call."""
        return int(self.fleet.store.tell("received").split()[1])

    def all_of(self, node, base):
        """Playlists, and segments that they name."""
        out = {}
        for program in json.loads(self.read(node, base + "index.json"))["programs"]:
            for rendition in program["renditions"]:
                name = f"{rendition['id']}/index.m3u8"
                out[name] = self.read(node, base + name)
                for line in out[name].decode().splitlines():
                    if not line.startswith("#"):
                        out[f"{rendition['id']}/{line}"] = self.read(node, f"{base}{rendition['id']}/{line}")
        self.assertGreater(len(out), 4)
        return out

    def assert_page_plays(self, node):
        run = subprocess.run([ROOT / "tools" / "browser-test", RTPX, "fleet_page.mjs"], capture_output=True, text=True, timeout=120,
                             env={**os.environ, "RTPX_PAGE": f"http://127.0.0.1:{self.fleet.members[node].port}/"})
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_a_recording_of_another_node_plays_as_on_its_own(self):
        name = self.fleet.add_recording("a", "stored")
        self.assertEqual(self.fleet.request("a", "POST", f"/api/recordings/{name}/convert").status, 202)
        stored = f"{self.fleet.prefix}/recordings/a/{name}/packets.rtpxp"
        wait_for(lambda: stored in self.fleet.store.objects(stored), f"the packet index is stored: {self.fleet.members['a'].text()}")
        entry = wait_for(lambda: self.fleet.get("b", f"/api/fleet/recordings/a/{name}"), "b knows of it")
        base = entry["play"]
        here = self.all_of("a", f"/api/recordings/{name}/play/")

        self.received()
        self.read("b", base + "index.json")
        self.assertLess(self.received(), SIZE / 4, "the index takes the place of the packets")
        self.assertEqual(self.all_of("b", base), here)
        self.assertLess(self.received(), 1.5 * SIZE, "what was read last is kept")
        self.assertEqual(self.all_of("a", base), here, "one address for all, also on its own node")
        self.assertEqual(self.received(), 0, "its own node has it on its disk")
        self.assertFalse((self.fleet.folder / "b" / name).exists())

        self.received()
        self.assertEqual(self.all_of("c", base), here, "without the key of the index, too")
        self.assertGreater(self.received(), 0.9 * SIZE)

        for missing in ("/api/fleet/recordings/a/nothing/play/index.json", f"/api/fleet/recordings/nobody/{name}/play/index.json",
                        f"{base}v9/index.m3u8", f"{base}v1/999.m4s"):
            self.assertEqual(self.fleet.request("b", "GET", missing).status, 404, missing)

        if BROWSER:
            self.assert_page_plays("b")
        self.assertEqual(self.fleet.request("a", "DELETE", f"/api/recordings/{name}").status, 204)
        self.assertEqual(self.all_of("a", base), here, "a node plays what it has only in the store")
        self.fleet.members["a"].kill()
        self.assertEqual(self.all_of("b", base), here, "and others while it is dead")


class WorkersReadInPlace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.fleet.init()
        cls.alone = converted_alone(cls.fleet.folder)
        os.environ["RTPX_INDEX_KEY"] = str(cls.fleet.folder / "shared.key")
        cls.fleet.node("a", 0)
        cls.fleet.worker("w")

    @classmethod
    def tearDownClass(cls):
        os.environ.pop("RTPX_INDEX_KEY", None)
        cls.fleet.close()

    def order(self, name, kind, body):
        answer = self.fleet.request("a", "POST", f"/api/fleet/recordings/a/{name}/{kind}", json.dumps(body))
        self.assertEqual(answer.status, 202, answer.content)
        return self.fleet.wait_done("a", name, kind)

    def content(self, job):
        return {file["name"]: self.fleet.request("a", "GET", file["url"]).content for file in job["files"]}

    def test_a_worker_with_the_key_reads_what_it_needs_and_makes_the_same(self):
        name = self.fleet.add_recording("a", "stored")
        self.assertEqual(self.fleet.request("a", "POST", f"/api/recordings/{name}/convert").status, 202)
        self.fleet.wait_done("a", name)
        stored = f"{self.fleet.prefix}/recordings/a/{name}/packets.rtpxp"
        wait_for(lambda: stored in self.fleet.store.objects(stored), "the packet index is stored")

        received = lambda: int(self.fleet.store.tell("received").split()[1])
        received()
        picture = self.content(self.order(name, "thumbnails", {"times_ms": [500]}))["500.jpg"]
        self.assertLess(received(), SIZE / 2, "half a second of it")
        self.fleet.answer("retry", f"job.a.{name}.convert")
        again = self.content(self.fleet.wait_done("a", name, generation=2))
        self.assertEqual(set(again), set(self.alone))
        for file, content in self.alone.items():
            if not file.endswith(".json"):
                self.assertEqual(again[file], content, file)
        sliced = self.order(name, "compose", {"width": 320, "height": 180, "slices": 2})
        self.assertIn("film.mp4", [file["name"] for file in sliced["files"]])

        worker = self.fleet.members["w"]
        worker.kill()
        del os.environ["RTPX_INDEX_KEY"]
        self.fleet.worker("fetches")
        received()
        self.fleet.answer("retry", f"job.a.{name}.thumbnails")
        fetched = self.fleet.wait_done("a", name, "thumbnails", generation=2)
        self.assertEqual(self.content(fetched)["500.jpg"], picture)
        self.assertGreater(received(), SIZE)


if __name__ == "__main__":
    if not INSTALLED:
        print("nats-server or swift is not installed")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
