#!/usr/bin/env python3
"""Hostile input to the running server: hostile_test.py PATH_TO_RTPX DATA_FOLDER PATH_TO_PUBLISH [unittest arguments]

Throughout, a publisher sends the packets of DATA_FOLDER, and every one of them must be recorded. RTPX_SOAK=1 opens and
closes 10,000 sessions too.
"""
import gzip
import json
import os
import pathlib
import random
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PUBLISH = sys.argv.pop(3)
from running_server import DATA, OFFER, RTPX, SDP, Server, add_recording, run_tests  # noqa: E402

OPEN = ("--whip-rate", "1000000", "--whip-burst", "1000000")


class Publisher:
    """The program of publish.cpp, connected."""

    def __init__(self, server, *arguments):
        self.server = server
        self.process = subprocess.Popen([PUBLISH, DATA, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        answer = server.request("POST", "/whip", "".join(iter(self.line, ".\n")).encode(), SDP)
        assert answer.status == 201, answer.content
        self.session = answer.getheader("Location")
        self.recording = re.search("recordings/([^>]+)>", answer.getheader("Link"))[1]
        self.udp_port = int(re.search(r"a=candidate:.* 127.0.0.1 (\d+) ", answer.content.decode())[1])
        self.process.stdin.write(answer.content.decode() + ".\n")
        self.process.stdin.flush()
        assert self.line() == "connected\n"

    def line(self):
        return self.process.stdout.readline()

    def running(self):
        return not select.select([self.process.stdout], [], [], 0)[0]

    def finish(self):
        """Waits until all is sent, closes, and answers how many packets were sent."""
        sent = int(self.line().split()[1])
        self.process.communicate()
        return sent


def packets_of(entry):
    return sum(track.get("packets", 0) for track in entry["tracks"])


def resident(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def sanitized():
    """Sanitizers keep memory that was freed."""
    with open(RTPX, "rb") as program:
        return re.search(rb"__[at]san_init", program.read()) is not None


def sessions_of(server):
    return int(re.search(r"\nrtpx_sessions (\d+)", server.request("GET", "/metrics").content.decode())[1])


def mutated(data, chance):
    data = bytearray(data)
    for _ in range(chance.randint(1, 10)):
        at = chance.randrange(len(data))
        kind = chance.randrange(3)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at:at + chance.randrange(1, 200)]
        else:
            data[at:at] = data[at:at + chance.randrange(1, 200)] * chance.randrange(1, 4)
        data = data or bytearray(b"v")
    return bytes(data)


def throw(server, request):
    """Raw bytes at the HTTP port."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1000)
        except (ConnectionError, TimeoutError):
            pass


class Hostile(unittest.TestCase):
    def test_mutated_packets_offers_and_requests_cost_no_session_a_packet(self):
        chance = random.Random(int(os.environ.get("RTPX_SEED", 1)))
        request = b"POST /whip HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(OFFER) + OFFER
        with Server(*OPEN) as server:
            good, fuzzing = Publisher(server, 8), Publisher(server, 8, chance.randrange(1000))
            flood = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            offers = 0
            while good.running() or fuzzing.running():
                answer = server.request("POST", "/whip", mutated(OFFER, chance), SDP)
                self.assertIn(answer.status, (201, 400, 413, 422, 503), answer.content)
                if answer.status == 201:
                    server.request("DELETE", answer.getheader("Location"))
                offers += 1
                throw(server, mutated(request, chance))
                for _ in range(100):
                    first = chance.choice((0, 1, 22, 23, 128, 144, 200))
                    flood.sendto(bytes([first]) + chance.randbytes(chance.randrange(1300)), ("127.0.0.1", good.udp_port))
            flood.close()
            for publisher in (good, fuzzing):
                sent = publisher.finish()
                entry = server.wait_for_state(publisher.recording, "ready", "failed")
                self.assertEqual(entry["state"], "ready", entry)
                self.assertEqual(packets_of(entry), sent)
                self.assertLessEqual({track["end_reason"] for track in entry["tracks"]}, {"close_notify", "silence"})  # one datagram, in a flood
            metrics = server.request("GET", "/metrics").content.decode()
            print(offers, "offers,", re.search(r"\nrtpx_unknown_source_total .*", metrics)[0].strip(), end=" ")
            self.assertEqual(server.stop(), 0)

    def half_open(self, server, count, expect):
        """Opens sessions that nobody connects to; answers their status codes."""
        connection = server.connection()
        statuses, longest = [], 0
        for _ in range(count):
            began = time.monotonic()
            connection.request("POST", "/whip", OFFER, SDP)
            answer = connection.getresponse()
            problem = answer.read().decode()
            longest = max(longest, time.monotonic() - began)
            statuses.append(answer.status)
            self.assertIn(answer.status, expect, problem)
            if answer.status == 503:
                self.assertEqual(answer.getheader("Retry-After"), "5")
                self.assertIn("waiting for their publisher", problem)
        print(f"{statuses.count(201)} of {count} taken, longest answer {longest * 1000:.0f} ms,", resident(server), "kB", end=" ")
        return statuses

    def test_a_thousand_half_open_sessions_are_limited_and_hold_up_nobody(self):
        with Server(*OPEN) as server:
            publisher = Publisher(server, 8)
            statuses = self.half_open(server, 1000, {201, 503})
            self.assertGreaterEqual(statuses.count(201), 100)
            self.assertLessEqual(sessions_of(server), 101)
            if not sanitized():
                self.assertLess(resident(server), 150_000)
            time.sleep(3)  # the half-open ones have had their time: a publisher that comes gets in
            late = Publisher(server, 30)
            for one in (publisher, late):
                sent = one.finish()
                self.assertEqual(packets_of(server.wait_for_state(one.recording, "ready")), sent)

    def test_an_offer_beyond_those_that_may_wait_is_told_to_come_again(self):
        with Server(*OPEN, "--max-waiting", "5") as server:
            publisher = Publisher(server, 8)
            until = time.monotonic() + 20
            while 503 not in self.half_open(server, 6, {201, 503}):  # a slow machine took two seconds for six of them
                self.assertLess(time.monotonic(), until)
            self.assertEqual(sessions_of(server), 6)
            sent = publisher.finish()
            self.assertEqual(packets_of(server.wait_for_state(publisher.recording, "ready")), sent)

    def test_terminating_the_server_keeps_what_a_session_sent(self):
        with Server() as server:
            publisher = Publisher(server, 8)
            time.sleep(1)
            self.assertEqual(server.stop(), 0)
            publisher.process.kill()
            publisher.process.communicate()
            folder = server.folder / "recordings" / publisher.recording
            self.assertIn("ended_at", json.loads((folder / "recording.json").read_text()))
            manifest = json.loads((folder / "manifest.json").read_text())
            self.assertIn("shutdown", json.dumps(manifest))

    def test_each_stream_is_logged_at_its_end_with_its_ssrc(self):
        with Server("--log-format", "json") as server:
            publisher = Publisher(server, 30)
            publisher.finish()
            server.wait_for_state(publisher.recording, "ready")
            server.stop()
            lines = [json.loads(line) for line in (server.folder / "log.txt").read_text().splitlines()]
            ends = [line for line in lines if line["message"].startswith("stream ended")]
            self.assertGreaterEqual(len(ends), 2)
            for line in ends:
                self.assertEqual((line["recording"], line["session"]), (publisher.recording, publisher.session.split("/")[-1]))
                self.assertIsInstance(line["ssrc"], int)
                self.assertTrue(line["track"])

    @unittest.skipUnless(os.environ.get("RTPX_SOAK"), "for make soak: RTPX_SOAK=1")
    def test_ten_thousand_sessions_leave_no_memory_behind(self):
        def wait_until_written(recordings):
            until = time.time() + 60
            while f"rtpx_recordings_total {recordings}\n" not in server.request("GET", "/metrics").content.decode():
                self.assertLess(time.time(), until)
                time.sleep(0.05)

        with Server(*OPEN) as server:
            connection = server.connection()
            sizes = []
            for number in range(10_001):
                for method in ("POST", "DELETE"):
                    connection.request(method, "/whip" if method == "POST" else where, OFFER if method == "POST" else None, SDP)
                    answer = connection.getresponse()
                    answer.read()
                    where = answer.getheader("Location")
                    self.assertEqual(answer.status, 201 if method == "POST" else 200)
                if number % 1000 == 0:
                    wait_until_written(number + 1)
                    sizes.append(resident(server))
            print("resident kB after each thousand:", *sizes, end=" ")
            self.assertLess(sizes[-1], sizes[2] * 1.1)


class Crowd:
    """Many connections to the server, from several addresses of loopback."""

    def __init__(self, server):
        self.server = server
        self.connections = []

    def connect(self, number):
        connection = socket.socket()
        connection.bind((f"127.0.0.{2 + number % 16}", 0))
        connection.connect(("127.0.0.1", self.server.port))
        self.connections.append(connection)
        return connection

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()


def ends(connection):
    connection.settimeout(60)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


class Front(unittest.TestCase):
    """What strangers may do to the HTTP port. Times are printed, memory is asserted."""
    MEMORY = 64 << 10  # kB

    @classmethod
    def setUpClass(cls):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

    def answers_meanwhile(self, server):
        """Health, and a new session; how long they took."""
        slowest = 0
        for method, path, body in 5 * [("GET", "/healthz", None), ("POST", "/whip", OFFER)]:
            began = time.monotonic()
            answer = server.request(method, path, body, {"Authorization": "Bearer sesame", **SDP})
            slowest = max(slowest, time.monotonic() - began)
            self.assertIn(answer.status, (200, 201))
        print(f"slowest answer {slowest * 1000:.0f} ms,", end=" ")

    def assert_bounded(self, server, before):
        grown = resident(server) - before
        print(f"{grown} kB more", end=" ")
        if not sanitized():
            self.assertLess(grown, self.MEMORY)

    def running(self, *options):
        server = Server("--token", "sesame", *OPEN, *options)
        self.addCleanup(server.__exit__)
        self.answers_meanwhile(server)
        return server, resident(server)

    def test_three_thousand_slow_connections_keep_nobody_out(self):
        for start in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n{"):
            server, before = self.running()
            with Crowd(server) as crowd:
                for number in range(3000):
                    connection = crowd.connect(number)
                    connection.setblocking(False)
                    if start:
                        connection.send(start)
                self.answers_meanwhile(server)
                for connection in crowd.connections:
                    try:
                        connection.send(b"a" * 4000)
                    except OSError:
                        pass
                self.answers_meanwhile(server)
                self.assert_bounded(server, before)

    def test_slow_handshakes_are_bounded(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-hostile-"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
        server = Server("--token", "sesame", *OPEN, "--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"), tls=True)
        self.addCleanup(server.__exit__)
        self.answers_meanwhile(server)
        before = resident(server)
        with Crowd(server) as crowd:
            for number in range(3000):
                crowd.connect(number).send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 300)  # a ClientHello's first part
            self.answers_meanwhile(server)
            self.assert_bounded(server, before)
        shutil.rmtree(folder)

    def test_slow_heads_and_bodies_are_cut_off(self):
        server, _ = self.running()
        with Crowd(server) as crowd:
            slow = [crowd.connect(number) for number in range(3)]
            slow[1].sendall(b"GET / HTTP/1.1\r\n")
            slow[2].sendall(b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400\r\n\r\n{")
            for connection, status in zip(slow, (b"", b"HTTP/1.1 408", b"HTTP/1.1 408")):
                connection.settimeout(60)
                self.assertTrue(connection.recv(1000).startswith(status))
                while connection.recv(1000):
                    pass

    def test_endless_requests_are_refused_in_bounded_memory(self):
        head = b"POST /api/login HTTP/1.1\r\nHost: localhost\r\n"
        endless = {
            "line": (b"GET /", b"a" * 4096), "header": (head + b"A: ", b"a" * 4096), "headers": (head, b"A: b\r\n" * 700),
            "lines": (b"", b"\r\n" * 2048), "query": (b"GET /?", b"a=b&" * 1024), "nothing": (b"", b"\0" * 4096),
            "chunked": (head + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"a" * 4096 + b"\r\n"),
            "chunk extension": (head + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 4096),
            "small chunks": (head + b"Transfer-Encoding: chunked\r\n\r\n", b"1;abcdefgh\r\na\r\n" * 300),
            "trailers": (head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 700),
            "length": (head + b"Content-Length: 99999999\r\n\r\n", b"a" * 4096),
            "inflating": (head + b"Content-Encoding: gzip\r\nContent-Length: 4000\r\n\r\n" + gzip.compress(b"0" * (1 << 20)), b""),
            "authorized": (b"POST /whip HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\nContent-Type: application/sdp\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"a" * 4096 + b"\r\n"),
        }
        server, before = self.running()
        with Crowd(server) as crowd:
            for name, (start, more) in endless.items():
                own = [crowd.connect(number) for number in range(40)]
                for connection in own:
                    connection.settimeout(0.2)
                    try:
                        connection.sendall(start)
                        for _ in range(256):
                            connection.sendall(more)
                    except OSError:  # reset, or it is not read any more
                        pass
                self.assert_bounded(server, before)
                print(name, end=", ")
                if name not in ("lines", "nothing"):  # these wait for the deadline
                    for connection in own:
                        self.assertTrue(ends(connection), name)
            self.answers_meanwhile(server)

    def test_answers_that_are_not_read_are_bounded(self):
        server, before = self.running()
        with Crowd(server) as crowd:
            for number in range(1000):
                connection = crowd.connect(number)
                connection.setblocking(False)
                try:
                    connection.send(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300)
                except OSError:
                    pass
            self.answers_meanwhile(server)
            self.assert_bounded(server, before)

    def test_five_thousand_event_streams_share_what_they_are_told(self):
        server, before = self.running()
        for number in range(20):
            add_recording(server.folder, f"20261122-1000{number:02}")
        with Crowd(server) as crowd:
            poll = select.poll()
            for number in range(5000):
                connection = crowd.connect(number)
                connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\n\r\n")
            got = {connection.fileno(): b"" for connection in crowd.connections}
            by_number = {connection.fileno(): connection for connection in crowd.connections}
            for number in got:
                poll.register(number, select.POLLIN)
            until = time.monotonic() + 120
            while any(content.count(b"data:") < 3 for content in got.values()) and time.monotonic() < until:
                for number, _ in poll.poll(1000):
                    if got[number].count(b"data:") < 3:
                        got[number] += by_number[number].recv(4096)
                    else:
                        by_number[number].recv(65536)
            self.assertTrue(all(content.startswith(b"HTTP/1.1 200") and content.count(b"data:") >= 3 for content in got.values()))
            grown = resident(server) - before
            print(f"{grown / 5000:.1f} kB a stream,", end=" ")
            if not sanitized():
                self.assertLess(grown / 5000, 32)
            self.answers_meanwhile(server)
            time.sleep(3)  # nobody reads
            if not sanitized():
                self.assertLess((resident(server) - before) / 5000, 32)
            self.answers_meanwhile(server)


class Children(unittest.TestCase):
    def test_a_conversion_that_hangs_is_killed_when_cancelled(self):
        with Server() as server:
            name = add_recording(server.folder)
            server.request("POST", f"/api/recordings/{name}/convert")
            child = self.child_of(server.process.pid)
            os.kill(child, signal.SIGSTOP)  # it will not even hear SIGTERM
            self.assertEqual(server.request("DELETE", f"/api/recordings/{name}/convert").status, 204)
            server.wait_for_state(name, "cancelled", seconds=20)
            self.assertFalse(os.path.exists(f"/proc/{child}"))

    def test_a_conversion_beyond_its_memory_fails_and_the_recording_stays(self):
        with Server("--conversion-memory", "32M") as server:
            name = add_recording(server.folder)
            server.request("POST", f"/api/recordings/{name}/convert")
            entry = server.wait_for_state(name, "failed")
            self.assertGreater(len(entry["error"]), 10)
            self.assertEqual(server.request("GET", "/healthz").status, 200)

    def child_of(self, parent):
        until = time.time() + 20
        while time.time() < until:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children") as children:
                    for child in children.read().split():
                        return int(child)
        raise AssertionError("no child was started")


if __name__ == "__main__":
    run_tests()
