#!/usr/bin/python3
"""rtpx record --whep and POST /api/pull against aiortc: whep_test.py PATH_TO_RTPX [unittest arguments]"""
import http.server
import json
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import numpy

from relay import Relay
from whep_server import AUDIO_RATE, BITS, HEIGHT, RATE, WIDTH, WhepServer, picture

RTPX = sys.argv[1]


def decoded_numbers(file):
    """The number that each picture of the file shows, and whether all of it looks as it was sent."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", file, "-map", "0:v", "-fps_mode", "passthrough",
                          "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"], check=True, capture_output=True).stdout
    out, block = [], WIDTH // BITS
    for planes in numpy.frombuffer(raw, numpy.uint8).reshape(-1, HEIGHT * 3 // 2, WIDTH):
        pixels = planes[:HEIGHT]  # of luma
        number = 0
        for bit in range(BITS):
            number = number << 1 | int(pixels[12:28, bit * block + 6:(bit + 1) * block - 6].mean() > 125)
        flash = pixels[60:].mean() > 200
        sent = picture(number, flash)
        error = numpy.abs(pixels[60:].astype(int) - sent[60:]).mean()
        out.append((number, flash, error < 6))
    return out


def picture_times(file):
    text = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time", "-of",
                           "csv=p=0", file], check=True, capture_output=True, text=True).stdout
    return [float(line.strip(",")) for line in text.split()]


def beep_times(file):
    """When each beep begins, in seconds."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", file, "-map", "0:a", "-ac", "1", "-ar", str(AUDIO_RATE),
                          "-af", "aresample=async=1:first_pts=0", "-f", "s16le", "-"], check=True,
                         capture_output=True).stdout
    step = AUDIO_RATE // 500
    sound = numpy.abs(numpy.frombuffer(raw, numpy.int16).astype(int))
    loud = sound[:len(sound) // step * step].reshape(-1, step).max(axis=1) > 3000
    starts = [i for i in range(len(loud)) if loud[i] and not loud[max(0, i - 100):i].any()]
    return [i * step / AUDIO_RATE for i in starts]


class Recording:
    """rtpx record --whep, from its start to its result."""

    def __init__(self, url, *options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-whep-"))
        self.process = subprocess.Popen(
            [RTPX, "record", "--whep", url, "-o", self.folder / "call", "--json", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return self.result()

    def result(self):
        out, self.errors = self.process.communicate(timeout=60)
        self.code = self.process.returncode
        return json.loads(out) if out else None

    def file(self):
        subprocess.run([RTPX, "convert", self.folder / "call", "-o", self.folder / "videos"], check=False,
                       capture_output=True)
        [file] = [*(self.folder / "videos").glob("*.webm"), *(self.folder / "videos").glob("*.mp4")]
        return str(file)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for(what, seconds=30):
    until = time.time() + seconds
    while not what():
        if time.time() > until:
            raise TimeoutError
        time.sleep(0.05)


class Media(unittest.TestCase):
    def compare(self, file, first, sent):
        """All pictures from the first recorded to the last one sent, each once, as they were; beeps at flashes."""
        seen = decoded_numbers(file)
        numbers = [number for number, _, _ in seen]
        self.assertTrue(all(alike for _, _, alike in seen))
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertLess(numbers[0] - first, RATE, "the beginning is missing")
        self.assertGreaterEqual(numbers[-1], first + sent - 5, "the end is missing")
        return seen

    def sync(self, file, seen):
        times = picture_times(file)
        flashes = [at for at, (_, flash, _) in zip(times, seen) if flash]
        beeps = beep_times(file)
        offsets = [min((beep - flash for beep in beeps), key=abs) for flash in flashes[1:-1]]
        self.assertGreaterEqual(len(offsets), 2)
        for offset in offsets:
            self.assertLess(abs(offset), 0.04, offsets)
        return offsets

    def test_a_recording_has_what_the_server_sent_and_goes_on_when_it_comes_back(self):
        server = WhepServer()
        recording = Recording(server.url)
        try:
            wait_for(lambda: server.connections and server.connections[0].pictures.sent >= 4 * RATE)
            server.close_connection(0)
            wait_for(lambda: len(server.connections) > 1 and server.connections[1].pictures.sent >= 2 * RATE)
            sent = [connection.pictures.sent for connection in server.connections]
            result = recording.end()
            self.assertEqual((recording.code, result["ended"], result["connections"]), (0, "stopped", 2), recording.errors)
            self.assertEqual(server.deleted, ["/session/0", "/session/1"])
            self.assertEqual(len(list((recording.folder / "call").glob("*.rtpx"))), 2, "the same two tracks")
            file = recording.file()
            seen = decoded_numbers(file)
            numbers = sorted({number for number, _, alike in seen if alike})
            parts = [[n for n in numbers if n // 1000 == part] for part in (0, 1)]
            for part, there in enumerate(parts):
                self.assertEqual(there, list(range(there[0], there[-1] + 1)))
                self.assertLess(there[0] - 1000 * part, RATE)
                self.assertGreaterEqual(there[-1] - 1000 * part, sent[part] - 6)
        finally:
            recording.close()
            server.close()

    def test_a_servers_counter_offer_is_answered_and_recorded(self):
        server = WhepServer(counter_offers=True)
        recording = Recording(server.url, "--token", "secret")

        def at_work(begin, frames):
            """Of the connections from `begin` on, the first that has sent so much: on a busy machine an attempt may come to nothing."""
            return next((n for n, one in enumerate(server.connections) if n >= begin and one.pictures.sent >= frames), None)

        try:
            wait_for(lambda: at_work(0, 3 * RATE) is not None)
            first = at_work(0, 3 * RATE)
            server.close_connection(first)
            wait_for(lambda: at_work(first + 1, RATE) is not None)
            sent = server.connections[first].pictures.sent
            result = recording.end()
            self.assertEqual((recording.code, result["ended"], result["connections"]), (0, "stopped", 2), recording.errors)
            sessions = [f"/session/{n}" for n in range(len(server.connections))]
            self.assertEqual([(path, kind) for path, kind, _ in server.answers], [(path, "application/sdp") for path in sessions])
            self.assertEqual(set(server.tokens), {"Bearer secret"})
            for _, _, answer in server.answers:
                self.assertNotIn("a=ice-lite", answer)
                self.assertEqual(answer.count("a=recvonly"), 2)
            self.assertEqual(server.deleted, sessions)
            self.assertEqual(len(list((recording.folder / "call").glob("*.rtpx"))), 2, "the same two tracks")
            numbers = sorted({number for number, _, alike in decoded_numbers(recording.file()) if alike})
            there = [number - 1000 * first for number in numbers if number // 1000 == first]
            self.assertEqual(there, list(range(there[0], there[-1] + 1)))
            self.assertLess(there[0], RATE)
            self.assertGreaterEqual(there[-1], sent - 6)
            self.assertTrue(any(number // 1000 > first for number in numbers), numbers)
        finally:
            recording.close()
            server.close()

    def test_through_a_relay_that_loses_a_twentieth_all_is_repaired(self):
        relay = Relay(loss=0.05)
        server = WhepServer(change_answer=relay.answer)
        recording = Recording(server.url)
        try:
            wait_for(lambda: server.connections and server.connections[0].pictures.sent >= 5 * RATE)
            relay.loss = 0  # what was lost last can still come again
            wait_for(lambda: server.connections[0].pictures.sent >= 6 * RATE)
            sent = server.connections[0].pictures.sent
            result = recording.end()
            self.assertIn(recording.code, (0, 1), recording.errors)
            self.assertGreater(relay.lost_back, 5)
            file = recording.file()
            seen = self.compare(file, 0, sent)
            offsets = self.sync(file, seen)
            print(f"{relay.lost_back} datagrams lost, {len(seen)} pictures, beeps after flashes by "
                  f"{[round(1000 * o) for o in offsets]} ms, {result['packets']} packets")
        finally:
            recording.close()
            server.close()
            relay.close()


class StunServer:
    """Debian's coturn, at the address by which this machine reaches others: aiortc uses no loopback."""

    def __init__(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.connect(("203.0.113.1", 9))
            self.host, self.port = free.getsockname()
        self.process = subprocess.Popen(
            ["turnserver", "-n", "--stun-only", f"--listening-ip={self.host}", f"--listening-port={self.port}", "--no-cli", "--no-tls",
             "--no-dtls", "--log-file=stdout", "--pidfile=/dev/null", "--db=/dev/null"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers)

    def answers(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            client.sendto(struct.pack("!HHI12s", 1, 0, 0x2112A442, bytes(12)), (self.host, self.port))
            try:
                return client.recv(1000)[:2] == b"\x01\x01"
            except OSError:
                return False

    def close(self):
        self.process.kill()
        self.process.wait()


@unittest.skipUnless(shutil.which("turnserver"), "no coturn here")
class Reflexive(unittest.TestCase):
    def test_what_a_stun_server_says_is_a_candidate_by_which_media_comes(self):
        stun = StunServer()
        self.addCleanup(stun.close)

        def reflexive_only(offer):
            return "".join(line for line in offer.splitlines(True) if " typ host" not in line)
        server = WhepServer(change_offer=reflexive_only)
        self.addCleanup(server.close)
        recording = Recording(server.url, "--stun", f"stun:{stun.host}:{stun.port}")
        self.addCleanup(recording.close)
        wait_for(lambda: server.connections and server.connections[0].pictures.sent >= RATE)
        result = recording.end()
        self.assertEqual((recording.code, result["ended"]), (0, "stopped"), recording.errors)
        self.assertGreater(result["packets"], RATE)
        candidates = [line.split() for line in server.offers[0].splitlines() if line.startswith("a=candidate:")]
        hosts = {(line[4], line[5]) for line in candidates if line[7] == "host"}
        mapped = [line for line in candidates if line[7] == "srflx"]
        self.assertEqual({(line[4], line[5]) for line in mapped}, {one for one in hosts if one[0] == stun.host})
        for line in mapped:
            self.assertEqual((line[8], line[10]), ("raddr", "rport"))
            self.assertIn((line[9], line[11]), hosts, "of a base that is a candidate itself")


class Plain:
    """An HTTP server that answers each request by a function of it."""

    def __init__(self, answer):
        requests = self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                requests.append((self.command, self.path, self.headers.get("Authorization")))
                status, headers, body = answer(len(requests), self)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:  # it has heard enough
                    pass

            do_POST = do_PATCH = do_DELETE = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


COUNTER_OFFER = "\r\n".join([
    "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=setup:actpass", "a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901",
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32), "m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sendonly", "a=rtcp-mux",
    "a=rtpmap:96 VP8/90000", "a=candidate:1 1 udp 1 127.0.0.1 9 typ host", ""]).encode()


class Refusals(unittest.TestCase):
    def record(self, url, *options):
        recording = Recording(url, *options)
        self.addCleanup(recording.close)
        result = recording.result()
        self.assertFalse((recording.folder / "call").exists(), "nothing is left of a server that refuses")
        return recording, result

    def test_a_wrong_token_ends_it_at_once_and_the_message_says_so(self):
        with Plain(lambda n, request: (401, {"Content-Type": "text/plain"}, b"who are you?")) as server:
            recording, result = self.record(server.url, "--token", "wrong")
            self.assertEqual(result["ended"], "refused")
            self.assertIn("401: the token is missing or wrong", recording.errors)
            self.assertIn("who are you?", recording.errors)
            self.assertEqual(server.requests, [("POST", "/", "Bearer wrong")])

    def test_counter_offers_that_come_to_nothing_say_why_and_their_session_is_deleted(self):
        sdp = {"Content-Type": "application/sdp; valid-until=\"Wed, 09 Oct 2030 10:00:00 GMT\""}
        session = {**sdp, "Location": "/session/7"}
        post, delete, patch = ("POST", "/"), ("DELETE", "/session/7"), ("PATCH", "/session/7")
        for headers, offer, patched, said, requests in (
                (session, b"v=0\r\n", 204, "The counter-offer sends no audio or video", [post, delete]),
                (session, b"hello", 204, "line 1 of the session description", [post, delete]),
                (session, COUNTER_OFFER, 400, "400: it does not take the answer to its counter-offer", [post, patch, delete]),
                (sdp, COUNTER_OFFER, 204, "names no session (Location)", [post]),
                ({"Content-Type": "text/plain", "Location": "/session/7"}, b"no VP8 here", 204, "406: it does not take the offer (\"no VP8 here\")", [post, delete])):
            answers = {"POST": (406, headers, offer), "PATCH": (patched, {}, b""), "DELETE": (200, {}, b"")}
            with Plain(lambda n, request: answers[request.command]) as server:
                recording, result = self.record(server.url)
                self.assertEqual(result["ended"], "refused", recording.errors)
                self.assertIn(said, recording.errors)
                self.assertEqual([one[:2] for one in server.requests], requests)

    def test_the_token_does_not_follow_a_counter_offer_to_another_server(self):
        with Plain(lambda n, request: (400, {}, b"")) as other:
            session = {"Content-Type": "application/sdp", "Location": other.url.replace("127.0.0.1", "localhost") + "/session"}
            with Plain(lambda n, request: (406, session, COUNTER_OFFER)) as server:
                self.record(server.url, "--token", "secret")
                self.assertEqual(other.requests, [("PATCH", "/session", None), ("DELETE", "/session", None)])

    def test_a_busy_server_is_asked_again_after_the_time_that_it_says(self):
        began = time.monotonic()
        with Plain(lambda n, request: (503, {"Retry-After": "3"}, b"") if n == 1 else (403, {}, b"")) as server:
            recording, result = self.record(server.url)
            self.assertEqual([one[0] for one in server.requests], ["POST", "POST"])
            self.assertGreaterEqual(time.monotonic() - began, 3)
            self.assertIn("403", recording.errors)

    def test_it_gives_up_when_nobody_sends_for_so_long(self):
        with Plain(lambda n, request: (404, {}, b"")) as server:
            recording, result = self.record(server.url, "--retry", "2")
            self.assertEqual((result["ended"], recording.code), ("gone", 3))
            self.assertGreaterEqual(len(server.requests), 2)

    def test_redirects_are_followed_with_the_body_but_the_token_stays_at_home(self):
        with Plain(lambda n, request: (403, {}, b"")) as other:
            with Plain(lambda n, request: (307, {"Location": "/here"}, b"") if request.path == "/" else
                       (308, {"Location": other.url.replace("127.0.0.1", "localhost")}, b"")) as server:
                self.record(server.url, "--token", "secret")
                self.assertEqual([one[1:] for one in server.requests], [("/", "Bearer secret"), ("/here", "Bearer secret")])
                self.assertEqual(other.requests, [("POST", "/", None)])

    def test_endless_redirects_other_schemes_and_endless_answers_are_refused(self):
        for headers, body, message in (
                ({"Location": "/again"}, b"", "redirect"), ({"Location": "file:///etc/passwd"}, b"", "redirect"),
                ({"Content-Type": "application/sdp"}, b"v=0\r\n" + b"a=x\r\n" * 100_000, "larger"),
                ({f"X-{i}": "y" * 1000 for i in range(60)}, b"", "larger")):
            status = 307 if "Location" in headers else 201
            with Plain(lambda n, request: (status, headers, body)) as server:
                recording, _ = self.record(server.url, "--retry", "0")
                self.assertIn(message, recording.errors)
                self.assertLessEqual(len(server.requests), 5)

    def test_an_answer_that_is_none_is_named(self):
        with Plain(lambda n, request: (201, {"Content-Type": "application/sdp"}, b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")) as server:
            recording, _ = self.record(server.url)
            self.assertIn("The answer sends no audio or video", recording.errors)


class Pull(unittest.TestCase):
    """POST /api/pull of rtpx serve."""

    def serve(self, *options):
        folder = tempfile.mkdtemp(prefix="rtpx-pull-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        process = subprocess.Popen([RTPX, "serve", "--listen", "127.0.0.1:0", "--udp-port", "0", "--min-free", "1M", "--base-dir",
                                    folder, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process.stdout.readline().strip().rstrip("/")

    def ask(self, method, url, body=None):
        request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def test_a_server_on_this_machine_may_not_be_reached_unless_it_is_allowed(self):
        url = self.serve()
        with Plain(lambda n, request: (200, {}, b"")) as inner:
            for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"):
                target = inner.url.replace("127.0.0.1", host)
                status, pull = self.ask("POST", f"{url}/api/pull", {"url": target, "retry": 0})
                self.assertEqual(status, 201)
                wait_for(lambda: self.ask("GET", f"{url}/api/pull/{pull['id']}")[1]["state"] == "ended")
                view = self.ask("GET", f"{url}/api/pull/{pull['id']}")[1]
                self.assertEqual(view["ended"], "refused", view)
                self.assertIn("may not be reached", view["error"])
            self.assertEqual(inner.requests, [])
            self.assertEqual(self.ask("GET", f"{url}/api/recordings")[1]["recordings"], [])
        for bad in ({}, {"url": 7}, {"url": "http://example.org", "retry": "x"}, {"url": "http://example.org", "stun": "stun:x"}, []):
            self.assertEqual(self.ask("POST", f"{url}/api/pull", bad)[0], 400, bad)
        for bad in ("ftp://example.org/x", "nothing", "file:///etc/passwd"):
            self.assertEqual(self.ask("POST", f"{url}/api/pull", {"url": bad})[0], 400, bad)

    def test_a_pull_becomes_a_participant_and_goes_on_as_such_when_the_server_comes_back(self):
        url = self.serve("--pull-allow", "0.0.0.0/0", "--linger", "0")
        server = WhepServer()
        try:
            _, started = self.ask("POST", f"{url}/api/pull", {"url": server.url + "?key=secret", "recording": "room", "name": "Ann"})
            wait_for(lambda: server.connections and server.connections[0].pictures.sent >= RATE)
            view = self.ask("GET", f"{url}/api/pull/{started['id']}")[1]
            self.assertEqual((view["state"], view["url"]), ("connected", server.url))
            [session] = self.ask("GET", f"{url}/api/sessions")[1]["sessions"]
            self.assertTrue(session["connected"])
            server.close_connection(0)
            wait_for(lambda: len(server.connections) > 1 and server.connections[1].pictures.sent >= RATE)
            self.assertEqual(self.ask("DELETE", f"{url}/api/pull/{started['id']}")[0], 204)
            wait_for(lambda: self.ask("GET", f"{url}/api/recordings/{view['recording']}")[1]["state"] == "ready", 60)
            recording = self.ask("GET", f"{url}/api/recordings/{view['recording']}")[1]
            self.assertEqual([one["name"] for one in recording["participants"]], ["Ann"], recording)
            self.assertEqual(len(recording["files"]), 1, recording["files"])
        finally:
            server.close()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
