#!/usr/bin/env python3
"""Publishing, ending, converting and deleting again and again: over_and_over_test.py PATH_TO_RTPX DATA_FOLDER

RTPX_CYCLES is how often: 100 by default, 10,000 with RTPX_SOAK=1.
"""
import json
import os
import pathlib
import socket
import struct
import time
import unittest

from running_server import SDP, Server, run_tests

PCMU = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n"
PACKETS = 5
BATCH = 20
CYCLES = int(os.environ.get("RTPX_CYCLES", 10_000 if os.environ.get("RTPX_SOAK") else 100))


class OverAndOver(unittest.TestCase):
    def publish(self, server):
        """One recording of five packets, ended by DELETE."""
        answer = server.request("POST", "/api/ingest", PCMU.encode(), SDP)
        self.assertEqual(answer.status, 201, answer.content)
        ingest, location = json.loads(answer.content), answer.getheader("Location")
        port = ingest["tracks"][0]["rtp_port"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(PACKETS):
                sender.sendto(struct.pack("!BBHII", 0x80, 0, number, number * 160, 7) + bytes(160), ("127.0.0.1", port))
        until = time.monotonic() + 60
        while server.json(location)["packets"] < PACKETS:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)
        self.assertEqual(server.request("DELETE", location).status, 204)
        return ingest["recording"]

    def test_leaves_no_memory_descriptors_or_files_behind(self):
        memory, descriptors = [], []
        with Server("--whip-rate", "1000000", "--whip-burst", "1000000") as server:
            process = pathlib.Path(f"/proc/{server.process.pid}")
            for _ in range(CYCLES // BATCH):
                for recording in [self.publish(server) for _ in range(BATCH)]:
                    entry = server.wait_for_state(recording, "ready", "failed", seconds=120)
                    self.assertEqual((entry["state"], entry["tracks"][0]["packets"]), ("ready", PACKETS), entry)
                    self.assertEqual(server.request("DELETE", f"/api/recordings/{recording}").status, 204)
                [resident] = [line for line in (process / "status").read_text().splitlines() if line.startswith("VmRSS")]
                memory.append(int(resident.split()[1]))
                descriptors.append(len(list((process / "fd").iterdir())))
            left = [entry.name for entry in (server.folder / "recordings").iterdir() if not entry.name.startswith(".")]
            self.assertEqual(server.stop(), 0)
        print(f"{CYCLES} cycles, resident kB:", *memory[:: max(1, len(memory) // 10)], memory[-1], end=" ")
        warm = memory[max(1, len(memory) // 4)]
        self.assertLess(memory[-1], warm + 4096)
        self.assertLessEqual(max(descriptors[1:]), descriptors[0] + 4)
        self.assertEqual(left, [])


run_tests()
