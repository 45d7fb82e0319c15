#!/usr/bin/env python3
"""A node stores what it records while it records it: grow_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import json
import os
import shutil
import socket
import struct
import sys
import time
import unittest
import urllib.request

from fleet_servers import INSTALLED, Fleet, listens, wait_for

PART = 8 << 20
QUEUE = ".rtpx-upload"
SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"


class StoredWhileRecorded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.fleet.init()
        cls.fleet.node("a", 0)

    @classmethod
    def tearDownClass(cls):
        cls.fleet.close()

    def parts(self, recording):
        """What the service holds of multipart uploads, by upload: numbers of parts; a mark without a number stands for one that is under way."""
        store, out = self.fleet.store, {}
        request = urllib.request.Request(f"{store.storage}/fleet%2Bsegments?prefix={self.fleet.prefix}/recordings/a/{recording}/",
                                         headers={"X-Auth-Token": store.token})
        try:
            with urllib.request.urlopen(request) as answer:
                names = answer.read().decode().split()
        except urllib.error.HTTPError as error:
            self.assertEqual(error.code, 404)
            return {}, set()
        under_way = set()
        for name in names:
            rest = name.split(f"/{recording}/")[1].split("/")
            if len(rest) == 2:
                under_way.add(rest[1])
            else:
                out.setdefault(rest[1], set()).add(int(rest[2]))
        return out, under_way

    def noted(self, recording):
        """Parts that the node knows to be stored: where several are under way, the service may hold others."""
        states = [json.loads(path.read_text()) for path in (self.fleet.folder / "a" / QUEUE / recording).glob("object-*.json")]
        return max((len(state["parts"]) for state in states), default=0)

    def record(self):
        """Sends until the node has noted two parts; the recording, and the address that ends it."""
        answer = self.fleet.request("a", "POST", "/api/ingest?idle=300", SDP.encode(), {"Content-Type": "application/sdp"})
        self.assertEqual(answer.status, 201, answer.content)
        ingest = json.loads(answer.content)
        recording, until, number = ingest["recording"], time.time() + 90, 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while self.noted(recording) < 2:
                self.assertLess(time.time(), until, self.fleet.members["a"].text()[-3000:])
                for _ in range(1500):
                    head = struct.pack(">BBHII", 0x80, 96, number & 0xFFFF, number // 8 * 3000 & 0xFFFFFFFF, 7)
                    sender.sendto(head + b"\x10" + os.urandom(1150), ("127.0.0.1", ingest["tracks"][0]["rtp_port"]))
                    number += 1
                    if number % 50 == 0:
                        time.sleep(0.005)
        return recording, answer.getheader("Location")

    def local(self, recording):
        [file] = (self.fleet.folder / "a" / recording).glob("*.rtpx")
        return file

    def sent(self):
        """Bytes that went to the service since the last call."""
        return int(self.fleet.store.tell("count").split()[2])

    def wait_until_nothing_is_sent(self):
        def quiet():
            self.sent()
            time.sleep(0.5)
            return self.sent() == 0
        wait_for(quiet, "nothing is under way", 60)

    def assert_stored(self, recording):
        prefix = f"{self.fleet.prefix}/recordings/a/{recording}/"
        wait_for(lambda: prefix + "manifest.json" in self.fleet.store.objects(prefix), f"all is stored: {self.fleet.members['a'].text()[-3000:]}", 90)
        file = self.local(recording)
        self.assertEqual(self.fleet.store.read(prefix + file.name), file.read_bytes())
        self.assertEqual(self.parts(recording)[1], set(), "no upload is left under way")
        return file.stat().st_size

    def test_the_end_of_a_recording_has_little_left_to_store(self):
        recording, location = self.record()
        self.assertEqual(len(self.parts(recording)[1]), 1)
        wait_for(lambda: self.noted(recording) == self.local(recording).stat().st_size // PART, "all full parts are stored", 90)
        self.wait_until_nothing_is_sent()
        self.assertEqual(self.fleet.request("a", "DELETE", location).status, 204)
        self.assert_stored(recording)
        self.assertLess(self.sent(), PART + (1 << 20))

    def test_after_a_kill_it_goes_on_with_what_is_stored(self):
        recording, _ = self.record()
        node = self.fleet.members["a"]
        node.kill()
        noted = self.noted(recording)
        self.wait_until_nothing_is_sent()
        node.start()
        wait_for(lambda: listens(node.port), "it listens again")
        size = self.assert_stored(recording)
        # What was under way goes again, also what the service had and the node had not noted.
        self.assertLess(self.sent(), size - noted * PART + (1 << 20))

    def test_what_was_begun_of_a_recording_that_is_gone_is_aborted(self):
        recording, _ = self.record()
        node = self.fleet.members["a"]
        node.kill()
        shutil.rmtree(self.fleet.folder / "a" / recording)
        self.assertEqual(len(self.parts(recording)[1]), 1)
        node.start()
        wait_for(lambda: self.parts(recording) == ({}, set()), f"nothing of it is left: {node.text()[-3000:]}")
        wait_for(lambda: listens(node.port), "it listens again")


if __name__ == "__main__":
    if not INSTALLED:
        print("nats-server or swift is not installed")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
