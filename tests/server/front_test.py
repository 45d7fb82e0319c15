#!/usr/bin/env python3
"""The front door of rtpx serve, who gets in and how: front_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import datetime
import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from running_server import OFFER, RTPX, SDP, Server, add_recording, run_tests

OPENAPI = json.loads((pathlib.Path(__file__).parents[2] / "web" / "openapi.json").read_text())
BEARER = {"Authorization": "Bearer sesame"}
UTC = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"  # the one form of times


def raw(server, request, host="127.0.0.1"):
    """The status of the answer to these bytes; None when there is none."""
    with socket.create_connection((host, server.port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n" not in answer:
            part = connection.recv(4096)
            if not part:
                return None
            answer += part
    return int(answer.split()[1])


def get(server, target, headers="", method="GET", version="1.1"):
    return raw(server, f"{method} {target} HTTP/{version}\r\nHost: localhost\r\n{headers}\r\n".encode())


def protected_routes(recording):
    """(method, path) of all that is not public, as web/openapi.json has it; a C++ test compares that with the table."""
    for path, methods in OPENAPI["paths"].items():
        for method, operation in methods.items():
            if method == "parameters" or operation.get("security") == []:
                continue
            whole = path.replace("{session}", "abc").replace("{name}", "manifest.json")
            yield method.upper(), whole.replace("{id}", recording if "recordings" in path else "abc")


def spellings(path):
    """Other ways to write a path that somebody's server takes for the same."""
    yield path
    yield from (path + end for end in ("/", "//", "/.", "?", "?token=sesame", ";", ";a=b", "%00", "%20", "#", "%3f", "/../" + path.split("/")[-1]))
    yield from (start + path for start in ("/", "//", "/.", "/..", "/%2e", "/x/..", "/x/%2e%2e", "/;", "/%2f", "\\", "/\\", "http://localhost",
                                           "https://127.0.0.1:1", "http://localhost/", "HTTP://localhost", "%2f", "/healthz/..", "/index.html/.."))
    yield path.upper()
    yield path.swapcase()
    for at in range(1, len(path)):
        if path[at] == "/":
            yield from (path[:at] + slash + path[at + 1:] for slash in ("//", "/./", "/x/../", "%2f", "%2F", "%5c", "\\", "/%2e/", "%252f", "/;/"))
        else:
            yield path[:at] + f"%{ord(path[at]):02x}" + path[at + 1:]
    yield "/" + "/".join("".join(f"%{ord(c):02X}" for c in part) for part in path.split("/")[1:])
    yield path.replace("a", "%2561")


class WithoutToken(unittest.TestCase):
    def test_no_spelling_of_any_route_is_answered(self):
        with Server("--token", "sesame") as server:
            name = add_recording(server.folder)
            tried = 0
            for method, path in protected_routes(name):
                for version in ("1.1", "1.0"):
                    self.assertEqual(get(server, path, method=method, version=version), 401, (method, path))
                methods = ("GET", "HEAD") if method == "GET" else (method,)
                for target in spellings(path):
                    for used in methods:
                        self.assertIn(get(server, target, method=used), (401, 404), (used, target))
                        tried += 1
            print(tried, "spellings,", end=" ")
            self.assertGreater(tried, 500)
            self.assertTrue((server.folder / "recordings" / name / "manifest.json").exists())

    def test_with_the_token_the_plain_spelling_is(self):
        with Server("--token", "sesame") as server:
            name = add_recording(server.folder)
            for method, path in protected_routes(name):
                if method == "GET" and not path.startswith(("/api/ingest/", "/api/pull/", "/api/fleet")) and not path.endswith("/report") and "{" not in path:
                    cut = "/clip." in path or "/frame." in path  # of which more has to be said than a path does
                    for target in (path, "http://localhost" + path):
                        self.assertIn(get(server, target, "Authorization: Bearer sesame\r\n"), (200, 400, 422) if cut else (200,), path)

    def test_other_methods_say_nothing_either(self):
        with Server("--token", "sesame") as server:
            for method in ("GET", "PUT", "DELETE", "TRACE", "FOO"):
                self.assertEqual(get(server, "/api/recordings" if method != "GET" else "/whip", method=method), 401)
            answer = server.request("PUT", "/api/recordings", headers=BEARER)
            self.assertEqual((answer.status, answer.getheader("Allow")), (405, "GET, HEAD, OPTIONS"))


class Names(unittest.TestCase):
    def test_only_our_own_names_are_answered_without_a_token(self):
        with Server("--origin", "https://app.example:8443") as server:
            for host in ("localhost", "LOCALHOST:1", "localhost.", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:8080", "app.example"):
                self.assertEqual(server.request("GET", "/api/recordings", headers={"Host": host}).status, 200, host)
            for host in ("127.evil.com", "127.0.0.1.evil.com", "localhost.evil.com", "evil.com", "xapp.example", "10.0.0.1", "127.1", "[::2]"):
                self.assertEqual(server.request("GET", "/api/recordings", headers={"Host": host}).status, 403, host)
                self.assertEqual(get(server, f"http://{host}/api/recordings"), 403, host)
            for host in ("[::1].evil.com", "localhost/", "a@localhost", "localhost, evil.com", "localhost:99999"):
                self.assertEqual(server.request("GET", "/api/recordings", headers={"Host": host}).status, 400, host)

    def test_what_only_looks_like_loopback_is_not_listened_on_without_a_token(self):
        for host in ("127.evil.com", "127.1.evil", "[::1].evil.com"):
            run = subprocess.run([RTPX, "serve", "--listen", f"{host}:0"], capture_output=True, text=True, timeout=30)
            self.assertEqual(run.returncode, 2, run.stderr)


class Sessions(unittest.TestCase):
    def login(self, server, token="sesame", **headers):
        return server.request("POST", "/api/login", json.dumps({"token": token}).encode(), headers)

    def test_the_cookie_is_a_session_and_no_token(self):
        folder = tempfile.mkdtemp(prefix="rtpx-front-")
        with Server("--token", "sesame", folder=folder) as server:
            answer = self.login(server)
            self.assertEqual(answer.status, 204)
            cookie = answer.getheader("Set-Cookie")
            for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="):
                self.assertIn(part, cookie)
            self.assertNotIn("Secure", cookie)
            self.assertNotIn("sesame", cookie)
            value = cookie.split(";")[0].split("=", 1)[1]
            self.assertNotEqual(value, self.login(server).getheader("Set-Cookie").split(";")[0].split("=", 1)[1])
            session = {"Cookie": f"a=b; rtpx_session={value}"}
            self.assertEqual(server.request("GET", "/api/recordings", headers=session).status, 200)
            self.assertTrue(json.loads(server.request("GET", "/api/config", headers=session).content)["logged_in"])
            self.assertEqual(server.request("GET", "/api/recordings", headers={"Authorization": f"Bearer {value}"}).status, 401)
            for changed in (value[:-1], value[1:], "9" + value, "rtpx_session=sesame"):
                self.assertEqual(server.request("GET", "/api/recordings", headers={"Cookie": f"rtpx_session={changed}"}).status, 401)
        with Server("--token", "sesame", folder=folder) as server:  # a restart ends no session
            self.assertEqual(server.request("GET", "/api/recordings", headers=session).status, 200)
        with Server("--token", "another", folder=folder) as server:
            self.assertEqual(server.request("GET", "/api/recordings", headers=session).status, 401)

    def test_guesses_are_limited_for_each_address(self):
        with Server("--token", "sesame", "--trusted-proxy", "127.0.0.1") as server:
            statuses = [self.login(server, f"guess {i}").status for i in range(30)]
            self.assertEqual(set(statuses), {401, 429})
            self.assertGreater(statuses.count(429), 15)
            self.assertEqual(self.login(server).status, 429, "also with the right one: a guess learns nothing")
            self.assertEqual(self.login(server, **{"X-Forwarded-For": "198.51.100.7"}).status, 204)
            statuses = [server.request("GET", "/api/recordings", headers={"Authorization": f"Bearer {i}"}).status for i in range(1200)]
            self.assertEqual(set(statuses), {401, 429})

    def test_a_trusted_proxy_says_who_asks_and_how(self):
        https = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9, 10.0.0.1"}
        with Server("--token", "sesame", "--trusted-proxy", "127.0.0.0/8", "--trusted-proxy", "10.0.0.1") as server:
            self.assertIn("; Secure", self.login(server, **https).getheader("Set-Cookie"))
            self.assertNotIn("; Secure", self.login(server).getheader("Set-Cookie"))
        with Server("--token", "sesame") as server:
            self.assertNotIn("; Secure", self.login(server, **https).getheader("Set-Cookie"), "anybody can write such headers")
            for i in range(20):
                last = self.login(server, "guess", **{"X-Forwarded-For": f"198.51.100.{i}"}).status
            self.assertEqual(last, 429)

    def test_a_token_among_the_arguments_is_warned_about(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-front-"))
        (folder / "token").write_text("sesame\n")
        for options, warned in ((("--token", "sesame"), True), (("--token-file", str(folder / "token")), False)):
            with Server(*options) as server:
                self.assertEqual(server.request("GET", "/metrics", headers=BEARER).status, 200)
                self.assertEqual(server.request("GET", "/metrics").status, 401)
                self.assertEqual(b"--token can be read" in (server.folder / "log.txt").read_bytes(), warned)


class Scopes(unittest.TestCase):
    def setUp(self):
        self.file = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-front-")) / "tokens"
        self.write("record", "view", "admin")

    def write(self, *scopes):
        self.file.write_text("# tokens\n" + "".join(f"{scope} {hashlib.sha256(scope.encode()).hexdigest()} of a test\n" for scope in scopes))

    def status(self, server, token, method, path, body=None, headers=None):
        return server.request(method, path, body, {**(headers or {}), "Authorization": f"Bearer {token}"}).status

    def test_each_token_does_what_its_scope_says(self):
        with Server("--tokens", str(self.file)) as server:
            name = add_recording(server.folder)
            calls = {("POST", "/whip", OFFER): (201, 403, 201), ("GET", "/api/recordings", None): (403, 200, 200),
                     ("GET", f"/api/recordings/{name}/files/manifest.json", None): (403, 200, 200), ("GET", "/metrics", None): (403, 200, 200),
                     ("POST", f"/api/recordings/{name}/links", None): (403, 403, 201), ("DELETE", f"/api/recordings/{name}", None): (403, 403, 204)}
            for (method, path, body), expected in calls.items():
                got = tuple(self.status(server, token, method, path, body, SDP if body else None) for token in ("record", "view", "admin"))
                self.assertEqual(got, expected, (method, path))
                self.assertEqual(self.status(server, "none", method, path, body, SDP if body else None), 401)
            config = server.json("/api/config", Authorization="Bearer view")
            self.assertEqual(config["scopes"], ["view"])

    def test_the_file_is_read_again_at_hangup(self):
        with Server("--tokens", str(self.file)) as server:
            self.assertEqual(self.status(server, "view", "GET", "/metrics"), 200)
            for content, status in (("not a line of tokens", 200), (None, 401)):
                self.write("admin")
                if content:
                    self.file.write_text(content)
                server.process.send_signal(signal.SIGHUP)
                until = time.time() + 10
                wanted = b"The tokens in use stay" if content else b"tokens read again"
                while wanted not in (server.folder / "log.txt").read_bytes() and time.time() < until:
                    time.sleep(0.05)
                self.assertEqual(self.status(server, "view", "GET", "/metrics"), status)
                self.assertEqual(self.status(server, "admin", "GET", "/metrics"), 200)


class Links(unittest.TestCase):
    def test_a_link_opens_one_recording_for_reading_until_its_end(self):
        with Server("--token", "sesame") as server:
            name, other = add_recording(server.folder), add_recording(server.folder, "20261122-100001")
            answer = server.request("POST", f"/api/recordings/{name}/links", b'{"seconds": 3600}', BEARER)
            self.assertEqual(answer.status, 201, answer.content)
            share = json.loads(answer.content)
            link = "?link=" + share["link"]
            self.assertRegex(share["ends"], UTC)
            ends = datetime.datetime.fromisoformat(share["ends"].replace("Z", "+00:00")).timestamp()
            self.assertAlmostEqual(ends, time.time() + 3600, delta=60)
            self.assertEqual(server.request("GET", share["url"]).status, 200)
            for path in (f"/api/recordings/{name}", f"/api/recordings/{name}/files/manifest.json"):
                self.assertEqual(server.request("GET", path + link).status, 200, path)
                self.assertEqual(server.request("GET", path).status, 401, path)
            for method, path in (("GET", f"/api/recordings/{other}"), ("GET", f"/api/recordings/{other}/files/manifest.json"), ("GET", "/api/recordings"),
                                 ("GET", "/api/events"), ("GET", "/metrics"), ("DELETE", f"/api/recordings/{name}"),
                                 ("POST", f"/api/recordings/{name}/convert"), ("POST", f"/api/recordings/{name}/links"), ("POST", "/whip")):
                self.assertEqual(server.request(method, path + link).status, 401, (method, path))
            end, signature = share["link"].split(".")
            for forged in (f"{int(end) + 1}.{signature}", f"{end}.{signature[:-1]}", f"{end}.", ""):
                self.assertEqual(server.request("GET", f"/api/recordings/{name}?link={forged}").status, 401, forged)
            self.assertEqual(server.request("POST", f"/api/recordings/{name}/links", headers=BEARER).status, 201)
            for body in (b'{"seconds": 0}', b'{"seconds": 1e12}', b'{"seconds": "x"}', b"[]", b"x"):
                self.assertEqual(server.request("POST", f"/api/recordings/{name}/links", body, BEARER).status, 400, body)
            self.assertEqual(server.request("POST", "/api/recordings/20261122-999999/links", headers=BEARER).status, 404)

    def test_a_link_ends(self):
        with Server("--token", "sesame") as server:
            name = add_recording(server.folder)
            share = json.loads(server.request("POST", f"/api/recordings/{name}/links", b'{"seconds": 1}', BEARER).content)
            until = time.time() + 20
            while server.request("GET", f"/api/recordings/{name}?link={share['link']}").status == 200 and time.time() < until:
                time.sleep(0.1)
            self.assertEqual(server.request("GET", f"/api/recordings/{name}?link={share['link']}").status, 401)


class Requests(unittest.TestCase):
    def test_a_post_without_a_body_needs_no_length(self):
        with Server() as server:
            name = add_recording(server.folder)
            request = f"POST /api/recordings/{name}/convert HTTP/1.1\r\nHost: localhost\r\n\r\n"
            self.assertEqual(raw(server, request.encode()), 202)
            self.assertEqual(server.wait_for_state(name, "ready", "failed")["state"], "ready")

    def test_bounds_hold_before_anybody_is_asked_who_they_are(self):
        with Server("--token", "sesame") as server:
            head = "POST /whip HTTP/1.1\r\nHost: localhost\r\n"
            for request, status in ((f"GET /{'a' * 17_000} HTTP/1.1\r\n", 414), (head + f"A: {'a' * 17_000}\r\n\r\n", 431), (head + "A: b\r\n" * 100 + "\r\n", 431),
                                    (head + "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", 415), (head + "Transfer-Encoding: gzip\r\n\r\n", 501),
                                    (head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400), (head + "Content-Length: 5\r\n\r\nhello", 401),
                                    (head + "Authorization: Bearer sesame\r\nContent-Length: 262145\r\n\r\n", 413),
                                    ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 413),
                                    ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411)):
                self.assertEqual(raw(server, request.encode()), status, request[:100])

    def test_who_waits_to_be_told_is_told_to_go_on(self):
        with Server() as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                head = f"POST /whip HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\nExpect: 100-continue\r\nContent-Length: {len(OFFER)}\r\n\r\n"
                connection.sendall(head.encode())
                self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n\r\n"))
                connection.sendall(OFFER)
                self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 201 "))

    def test_requests_may_follow_each_other_on_a_connection(self):
        with Server() as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300 +
                                   b"HEAD /index.html HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answers = b""
                while part := connection.recv(65536):
                    answers += part
            self.assertEqual(answers.count(b"HTTP/1.1 200 OK"), 301)
            self.assertTrue(answers.endswith(b"\r\n\r\n"))


class Folder(unittest.TestCase):
    def test_a_second_server_is_told_who_has_the_folder_until_a_crash_frees_it(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-front-"))
        with Server(folder=folder) as first:
            run = subprocess.run([RTPX, "serve", "--listen", "127.0.0.1:0", "--udp-port", "0", "--base-dir", folder / "recordings"],
                                 capture_output=True, text=True, timeout=30)
            self.assertEqual(run.returncode, 4)
            self.assertIn(f"rtpx serve (process {first.process.pid})", run.stderr)
            self.assertEqual(first.request("GET", "/healthz").status, 200)
            first.stop(signal.SIGKILL)
        with Server(folder=folder) as second:
            self.assertEqual(second.request("GET", "/healthz").status, 200)


class Continuing(unittest.TestCase):
    def test_a_session_may_go_on_with_a_recording_that_is_there(self):
        with Server() as server:
            name = add_recording(server.folder)
            for asked, kept in ((name, name), ("20260101-000000", None), ("../x", None)):
                answer = server.request("POST", f"/whip?name=again&continues={asked}", OFFER, SDP)
                recording = answer.getheader("Link").split(">")[0].split("/")[-1]
                self.assertEqual(server.json(f"/api/recordings/{recording}").get("continues"), kept)


class Events(unittest.TestCase):
    def stream(self, server, last_id=None):
        connection = server.connection()
        connection.request("GET", "/api/events", headers={"Last-Event-ID": last_id} if last_id else {})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.addCleanup(connection.close)
        return answer

    def next(self, stream):
        number = None
        while True:
            line = stream.readline()
            self.assertTrue(line, "the stream ended")
            if line.startswith(b"id:"):
                number = line[3:].strip().decode()
            if line.startswith(b"data:"):
                return number, json.loads(line[5:])

    def states(self, stream, recording, *wanted):
        """All states of that recording until it is in one that is wanted."""
        seen = []
        for _ in range(60):
            _, event = self.next(stream)
            seen += [change["state"] for change in event["recordings"] if change["id"] == recording]
            if seen and seen[-1] in wanted:
                return seen
        raise AssertionError(f"only {seen}")

    def test_changes_are_told_and_nothing_else(self):
        with Server() as server:
            name = add_recording(server.folder)
            stream = self.stream(server)
            _, first = self.next(stream)
            self.assertTrue(first["reset"], "whoever is new loads the list")
            for key in ("sessions", "disk", "recordings"):
                self.assertIn(key, first)
            server.request("POST", f"/api/recordings/{name}/convert")
            self.assertEqual(self.states(stream, name, "ready", "failed")[-1], "ready")
            number, quiet = self.next(stream)
            self.assertEqual(quiet["recordings"], [])
            self.assertNotIn("reset", quiet)

            other = add_recording(server.folder, "20261122-100001")  # by somebody else than the server
            self.states(stream, other, "waiting")
            server.request("DELETE", f"/api/recordings/{other}")
            self.states(stream, other, "removed")

            _, again = self.next(self.stream(server, number))
            self.assertNotIn("reset", again, "who was away for a moment learns what it missed")
            self.assertIn({"id": other, "state": "removed"}, again["recordings"])
            for unknown in ("x", number.split("-")[0] + "-999999", "other-1"):
                self.next(self.stream(server, unknown))

    def test_a_stream_ends_when_the_server_does(self):
        with Server() as server:
            stream = self.stream(server)
            self.next(stream)
            self.assertEqual(server.stop(), 0)
            while stream.readline():
                pass


if __name__ == "__main__":
    run_tests()
