#!/usr/bin/env python3
"""rtpx serve over HTTP, without a browser: api_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

from running_server import OFFER, RTPX, SDP, Server, WebhookReceiver, add_recording, pause_recording, run_tests


class Whip(unittest.TestCase):
    def test_an_offer_is_answered_with_a_session_that_can_be_deleted_once(self):
        with Server() as server:
            answer = server.request("POST", "/whip?name=hello", OFFER, SDP)
            self.assertEqual(answer.status, 201, answer.content)
            self.assertEqual(answer.getheader("Content-Type"), "application/sdp")
            self.assertTrue(answer.getheader("ETag").startswith('"'))
            self.assertIn(b"a=ice-lite", answer.content)
            session = answer.getheader("Location")
            self.assertEqual(server.request("DELETE", session).status, 200)
            self.assertEqual(server.request("DELETE", session).status, 404)

    def test_trickled_candidates_are_accepted(self):
        with Server() as server:
            session = server.request("POST", "/whip", OFFER, SDP).getheader("Location")
            fragment = b"a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n"
            headers = {"Content-Type": "application/trickle-ice-sdpfrag"}
            self.assertIn(server.request("PATCH", session, fragment, headers).status, (200, 204))
            self.assertEqual(server.request("PATCH", session, fragment, SDP).status, 415)

    def test_patch_keeps_to_the_ice_session_that_it_names(self):
        with Server() as server:
            opened = server.request("POST", "/whip", OFFER, SDP)
            session, tag = opened.getheader("Location"), opened.getheader("ETag")
            kind = {"Content-Type": "application/trickle-ice-sdpfrag"}
            candidate = b"a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n"
            trickled = server.request("PATCH", session, candidate, {**kind, "If-Match": tag})
            self.assertEqual((trickled.status, trickled.getheader("ETag")), (204, None))
            restart = b"a=ice-ufrag:anew\r\na=ice-pwd:0123456789012345678901234\r\n"
            restarted = server.request("PATCH", session, restart, {**kind, "If-Match": "*"})
            self.assertEqual(restarted.status, 200)
            self.assertEqual(restarted.getheader("Content-Type"), kind["Content-Type"])
            self.assertNotEqual(restarted.getheader("ETag"), tag)
            self.assertIn(b"a=ice-pwd:", restarted.content)
            self.assertEqual(server.request("PATCH", session, candidate, {**kind, "If-Match": tag}).status, 412)
            self.assertEqual(server.request("PATCH", "/whip/nobody", candidate, kind).status, 404)
            options = server.request("OPTIONS", session)
            self.assertEqual(options.getheader("Accept-Patch"), kind["Content-Type"])

    def test_ice_servers_are_told_and_a_refusal_names_the_senders_own_option(self):
        with Server("--ice-server", "stun:stun.example:3478",
                    "--ice-server", "turn:turn.example?transport=udp;username=u;credential=c") as server:
            answer = server.request("POST", "/whip", OFFER, SDP)
            links = answer.headers.get_all("Link")
            self.assertIn('<stun:stun.example:3478>; rel="ice-server"', links)
            self.assertIn('<turn:turn.example?transport=udp>; rel="ice-server"; username="u"; credential="c"; credential-type="password"', links)
            nothing = re.sub(rb"a=rtpmap:(\d+) [^/]+/", rb"a=rtpmap:\1 theora/", OFFER)
            refused = server.request("POST", "/whip", nothing, {**SDP, "User-Agent": "Lavf/63.1.102"})
            self.assertEqual(refused.status, 422, refused.content)
            self.assertIn("-c:v libx264", json.loads(refused.content)["detail"])

    def test_a_session_that_never_got_stun_says_so_and_names_the_option(self):
        with Server("--connect-timeout", "5") as server:
            server.request("POST", "/whip", OFFER, SDP)
            until, hint = time.time() + 5, None
            while hint is None and time.time() < until:
                [session] = server.json("/api/sessions")["sessions"]
                hint = session.get("hint")
                time.sleep(0.1)
            self.assertIn("--advertise", hint or "")

    def test_wrong_requests_get_clear_problems(self):
        with Server() as server:
            for body, headers, status in ((b"not sdp", SDP, 400), (OFFER, {"Content-Type": "text/plain"}, 415),
                                          (b"v=0\r\n" * 100_000, SDP, 413)):
                answer = server.request("POST", "/whip", body, headers)
                self.assertEqual(answer.status, status)
                self.assertIn("detail", json.loads(answer.content))
            for method in ("GET", "PUT"):
                self.assertEqual(server.request(method, "/whip").status, 405)
            options = server.request("OPTIONS", "/whip")
            self.assertEqual(options.status, 204)
            self.assertEqual(options.getheader("Accept-Post"), "application/sdp")

    def test_sessions_are_opened_no_faster_than_allowed(self):
        with Server("--whip-rate", "0.1", "--whip-burst", "2") as server:
            statuses = [server.request("POST", "/whip", OFFER, SDP).status for _ in range(4)]
            self.assertEqual(statuses, [201, 201, 429, 429])

    def test_configured_origins_may_publish_and_read_location(self):
        with Server("--origin", "https://app.example") as server:
            headers = {**SDP, "Origin": "https://app.example"}
            answer = server.request("POST", "/whip", OFFER, headers)
            self.assertEqual(answer.status, 201)
            self.assertEqual(answer.getheader("Access-Control-Allow-Origin"), "https://app.example")
            self.assertIn("Location", answer.getheader("Access-Control-Expose-Headers"))


class AccessControl(unittest.TestCase):
    def test_a_public_address_needs_a_token_or_insecure(self):
        run = subprocess.run([RTPX, "serve", "--listen", "0.0.0.0:0"], capture_output=True, text=True, timeout=30)
        self.assertEqual(run.returncode, 2)
        self.assertIn("--token", run.stderr)

    def test_foreign_pages_may_change_nothing(self):
        with Server() as server:
            name = add_recording(server.folder)
            for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
                self.assertEqual(server.request("DELETE", f"/api/recordings/{name}", headers=headers).status, 403)
                self.assertEqual(server.request("POST", "/whip", OFFER, {**SDP, **headers}).status, 403)
            self.assertEqual(server.request("GET", "/api/recordings", headers={"Host": "evil.example"}).status, 403)
            own = {"Origin": f"http://127.0.0.1:{server.port}"}
            self.assertEqual(server.request("DELETE", f"/api/recordings/{name}", headers=own).status, 204)

    def test_with_a_token_only_health_and_page_are_open(self):
        with Server("--token", "sesame") as server:
            for path in ("/", "/app.js", "/healthz", "/readyz", "/openapi.json", "/api/config"):
                self.assertEqual(server.request("GET", path).status, 200, path)
            for path in ("/api/recordings", "/metrics", "/api/events"):
                self.assertEqual(server.request("GET", path).status, 401, path)
            self.assertEqual(server.request("POST", "/whip", OFFER, SDP).status, 401)
            bearer = {"Authorization": "Bearer sesame"}
            self.assertEqual(server.request("POST", "/whip", OFFER, {**SDP, **bearer}).status, 201)
            self.assertEqual(server.request("POST", "/api/login", b'{"token":"wrong"}').status, 401)
            login = server.request("POST", "/api/login", b'{"token":"sesame"}')
            cookie = login.getheader("Set-Cookie")
            self.assertIn("HttpOnly", cookie)
            self.assertEqual(server.request("GET", "/api/recordings", headers={"Cookie": cookie.split(";")[0]}).status, 200)

    def test_no_path_leads_out_of_the_recordings(self):
        with Server() as server:
            name = add_recording(server.folder)
            (server.folder / "recordings" / "secret.txt").write_text("x")
            (server.folder / "recordings" / ".hidden").mkdir()
            for path in (f"/api/recordings/{name}/files/../../secret.txt", f"/api/recordings/{name}/files/..%2f..%2fsecret.txt",
                         "/api/recordings/../files/secret.txt", "/api/recordings/..%2f", "/api/recordings/.hidden",
                         f"/api/recordings/{name}/files/%2e%2e", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                         f"/api/recordings/{name}/files/a%00b", "/" + "a" * 5000):
                self.assertIn(server.request("GET", path).status, (400, 404, 414), path)
            self.assertIn(server.request("DELETE", "/api/recordings/..").status, (400, 404))
            self.assertTrue((server.folder / "recordings").exists())

    def test_a_symbolic_link_is_not_followed_to_a_file(self):
        with Server() as server:
            name = add_recording(server.folder)
            os.symlink("/etc/passwd", server.folder / "recordings" / name / "link.json")
            self.assertEqual(server.request("GET", f"/api/recordings/{name}/files/link.json").status, 404)


class Recordings(unittest.TestCase):
    def test_a_recording_is_converted_listed_downloaded_and_deleted(self):
        with Server() as server:
            name = add_recording(server.folder)
            self.assertEqual(server.request("POST", f"/api/recordings/{name}/convert").status, 202)
            entry = server.wait_for_state(name, "ready", "failed")
            self.assertEqual(entry["state"], "ready", entry)
            self.assertRegex(entry["created"], r"^2026-11-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            self.assertEqual(len(entry["files"]), 1)
            file = entry["files"][0]
            self.assertGreater(file["duration_ms"], 1000)
            whole = server.request("GET", file["url"])
            self.assertEqual(whole.status, 200)
            self.assertEqual(whole.getheader("Content-Type"), "video/webm")
            self.assertEqual(len(whole.content), file["bytes"])
            part = server.request("GET", file["url"], headers={"Range": "bytes=100-199"})
            self.assertEqual(part.status, 206)
            self.assertEqual(part.content, whole.content[100:200])
            tail = server.request("GET", file["url"], headers={"Range": "bytes=-50"})
            self.assertEqual(tail.content, whole.content[-50:])
            self.assertEqual(server.request("GET", file["url"], headers={"Range": "bytes=999999999-"}).status, 416)
            self.assertEqual(server.request("GET", file["thumbnail_url"]).content[:2], b"\xff\xd8")
            self.assertIn(b"WEBVTT", server.request("GET", file["sprites_url"]).content)
            report = server.request("GET", entry["report_url"])
            self.assertEqual(report.status, 200)
            self.assertIn(b"<svg", report.content)
            self.assertEqual(server.request("DELETE", f"/api/recordings/{name}").status, 204)
            self.assertEqual(server.json("/api/recordings")["recordings"], [])
            self.assertFalse((server.folder / "recordings" / name).exists())

    def test_one_film_is_made_where_it_is_asked_for(self):
        with Server() as server:
            name = add_recording(server.folder)
            path = f"/api/recordings/{name}/compose"
            self.assertEqual(server.request("POST", "/api/recordings/nobody/compose").status, 404)
            for wish in ({"layout": "circle"}, {"layout": "/etc/layout.json"}, {"size": "1x1"}, {"size": "641x360"},
                         {"title": 5}, [1]):
                self.assertEqual(server.request("POST", path, json.dumps(wish).encode(), {"Content-Type": "application/json"}).status,
                                 400, wish)
            self.assertNotIn("film", server.json(f"/api/recordings/{name}"))
            self.assertEqual(server.request("DELETE", path).status, 404)
            wish = {"layout": "speaker", "size": "320x180", "title": "--json"}
            self.assertEqual(server.request("POST", path, json.dumps(wish).encode(), {"Content-Type": "application/json"}).status, 202)
            end = time.monotonic() + 120
            while server.json(f"/api/recordings/{name}")["film"]["state"] in ("waiting", "running"):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.1)
            film = server.json(f"/api/recordings/{name}")["film"]
            self.assertEqual(film["state"], "done", film)
            answer = server.request("GET", film["url"])
            self.assertEqual(answer.getheader("Content-Type"), "video/mp4")
            self.assertEqual(answer.content[4:8], b"ftyp")
            self.assertIn(b"WEBVTT", server.request("GET", f"/api/recordings/{name}/files/film.vtt").content)
            self.assertEqual(server.request("GET", film["thumbnail_url"]).content[:2], b"\xff\xd8")
            sprites = server.request("GET", film["sprites_url"]).content.decode()
            sheet = re.search(r"^(\S+\.jpg)#xywh=0,0,160,90$", sprites, re.M)
            self.assertEqual(server.request("GET", f"/api/recordings/{name}/files/{sheet[1]}").content[:2], b"\xff\xd8")

    def test_what_cannot_be_converted_fails_with_a_reason_and_stays(self):
        with Server() as server:
            name = add_recording(server.folder)
            folder = server.folder / "recordings" / name
            for track in folder.glob("*.rtpx"):
                track.write_bytes(b"")
            server.request("POST", f"/api/recordings/{name}/convert")
            entry = server.wait_for_state(name, "failed")
            self.assertGreater(len(entry["error"]), 10)
            self.assertNotIn(str(server.folder), entry["error"], "where the server keeps its recordings is nobody's business")
            self.assertTrue((folder / "manifest.json").exists())

    def test_a_restart_converts_what_was_left(self):
        folder = tempfile.mkdtemp(prefix="rtpx-api-")
        name = add_recording(folder)
        with Server(folder=folder) as server:
            self.assertEqual(server.wait_for_state(name, "ready", "failed")["state"], "ready")
        shutil.rmtree(folder)

    def test_pauses_are_kept_or_cut_as_the_option_says(self):
        durations = {}
        for pauses in ("keep", "cut"):
            with Server("--pauses", pauses) as server:
                name = add_recording(server.folder)
                pause_recording(server.folder / "recordings" / name, 2000, 4000)
                self.assertEqual(server.request("POST", f"/api/recordings/{name}/convert").status, 202)
                entry = server.wait_for_state(name, "ready", "failed")
                self.assertEqual(entry["state"], "ready", entry)
                durations[pauses] = entry["files"][0]["duration_ms"]
        self.assertAlmostEqual(durations["keep"] - durations["cut"], 2000, delta=50)

    def test_old_recordings_are_deleted_only_when_asked(self):
        folder = tempfile.mkdtemp(prefix="rtpx-api-")
        name = add_recording(folder)
        info = {"format": {"major": 1, "minor": 0}, "name": "", "created": "2020-01-01T00:00:00.000000Z",
                "ended_at": "2020-01-01T00:01:00.000000Z"}
        existing = pathlib.Path(folder) / "recordings" / name / "recording.json"
        if existing.exists():
            info = {**json.loads(existing.read_text()), "created": info["created"]}
        existing.write_text(json.dumps(info))
        with Server(folder=folder) as server:
            server.wait_for_state(name, "ready", "failed")
        with Server("--keep-days", "30", folder=folder) as server:
            until = time.time() + 20
            while server.json("/api/recordings")["recordings"] and time.time() < until:
                time.sleep(0.1)
            self.assertEqual(server.json("/api/recordings")["recordings"], [])
        shutil.rmtree(folder)


class Service(unittest.TestCase):
    def test_fifty_event_streams_do_not_hold_up_a_new_session(self):
        with Server() as server:
            streams = []
            for _ in range(50):
                connection = server.connection()
                connection.request("GET", "/api/events")
                answer = connection.getresponse()
                self.assertEqual(answer.status, 200)
                streams.append((connection, answer))
            for _, answer in streams:
                line = b""
                while not line.startswith(b"data:"):
                    line = answer.readline()
                self.assertIn("sessions", json.loads(line[5:]))
            began = time.monotonic()
            answer = server.request("POST", "/whip", OFFER, SDP)
            print(f"POST /whip beside 50 event streams: {(time.monotonic() - began) * 1000:.0f} ms", end=" ")
            self.assertEqual(answer.status, 201)
            for connection, _ in streams:
                connection.close()

    def test_half_open_and_slow_connections_do_not_stop_the_server(self):
        with Server() as server:
            idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
            for connection in idle:
                connection.sendall(b"POST /whip HTTP/1.1\r\nHost: localhost\r\n")
            self.assertEqual(server.request("GET", "/healthz").status, 200)
            for connection in idle:
                connection.close()

    def test_garbage_is_refused_and_the_server_lives(self):
        with Server() as server:
            for garbage in (b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 20_000 + b"\r\n\r\n",
                            b"POST /whip HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                            b"POST /whip HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                            b"GET /%zz%%% HTTP/1.1\r\nHost: localhost\r\n\r\n",
                            b"POST /whip HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n"):
                with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                    connection.sendall(garbage)
                    connection.shutdown(socket.SHUT_WR)
                    try:
                        connection.recv(1000)
                    except (ConnectionError, TimeoutError):
                        pass
            self.assertEqual(server.request("GET", "/healthz").status, 200)

    def test_metrics_count_sessions(self):
        with Server() as server:
            server.request("POST", "/whip", OFFER, SDP)
            text = server.request("GET", "/metrics").content.decode()
            self.assertIn("rtpx_sessions_accepted_total 1", text)
            self.assertIn("# TYPE rtpx_packets_recorded_total counter", text)

    def test_each_metric_is_documented(self):
        page = (pathlib.Path(__file__).parents[2] / "docs" / "operations.md").read_text()
        documented = set(re.findall(r"`(rtpx_[a-z_]+)(?:{[a-z_]+})?`", page))
        with Server() as server:
            metrics = set(re.findall(r"# TYPE (\S+)", server.request("GET", "/metrics").content.decode()))
        self.assertEqual(metrics, documented)

    def test_a_full_disk_makes_it_unready_but_alive(self):
        with Server(min_free="999T") as server:
            self.assertEqual(server.request("GET", "/readyz").status, 503)
            self.assertEqual(server.request("GET", "/healthz").status, 200)
            self.assertEqual(server.request("POST", "/whip", OFFER, SDP).status, 503)

    def test_terminating_ends_sessions_and_exits_cleanly(self):
        with Server() as server:
            server.request("POST", "/whip", OFFER, SDP)
            self.assertEqual(server.stop(), 0)

    def test_systemd_is_told_when_it_is_ready_and_when_it_stops(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-api-"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(folder / "notify"))
            systemd.settimeout(30)
            os.environ["NOTIFY_SOCKET"] = str(folder / "notify")
            try:
                with Server() as server:
                    self.assertEqual(systemd.recv(100), b"READY=1")
                    self.assertEqual(server.request("GET", "/readyz").status, 200)
                    self.assertEqual(server.stop(), 0)
            finally:
                del os.environ["NOTIFY_SOCKET"]
            self.assertEqual(systemd.recv(100), b"STOPPING=1")
        shutil.rmtree(folder)

    def test_a_taken_port_is_an_error_that_says_so(self):
        with Server() as server:
            run = subprocess.run([RTPX, "serve", "--listen", f"127.0.0.1:{server.port}", "--udp-port", "0",
                                  "--base-dir", str(server.folder / "other")], capture_output=True, text=True, timeout=30)
            self.assertEqual(run.returncode, 4)
            self.assertIn(str(server.port), run.stderr)

    def test_options_come_from_a_file_and_the_environment_too(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-api-"))
        (folder / "rtpx.conf").write_text('token = "fromfile"\n')
        with Server("--config", str(folder / "rtpx.conf")) as server:
            self.assertEqual(server.request("GET", "/metrics").status, 401)
            self.assertEqual(server.request("GET", "/metrics", headers={"Authorization": "Bearer fromfile"}).status, 200)
        os.environ["RTPX_TOKEN"] = "fromenv"
        try:
            with Server() as server:
                self.assertEqual(server.request("GET", "/metrics", headers={"Authorization": "Bearer fromenv"}).status, 200)
        finally:
            del os.environ["RTPX_TOKEN"]
        shutil.rmtree(folder)

    def test_the_log_can_be_json(self):
        with Server("--log-format", "json") as server:
            server.request("POST", "/whip?name=%22quoted%22", OFFER, SDP)
            server.stop()
            for line in (server.folder / "log.txt").read_text().splitlines():
                self.assertIn("message", json.loads(line))
                self.assertRegex(json.loads(line)["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

    def test_tls_is_served_and_read_again_at_hangup(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-api-"))

        def certificate():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                            "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)

        def fingerprint(port):
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))).digest()

        certificate()
        with Server("--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"), tls=True) as server:
            self.assertTrue(server.url.startswith("https://"))
            self.assertEqual(server.request("GET", "/healthz").status, 200)
            before = fingerprint(server.port)
            certificate()
            server.process.send_signal(signal.SIGHUP)
            until = time.time() + 10
            while fingerprint(server.port) == before and time.time() < until:  # not one handshake may fail meanwhile
                pass
            renewed = fingerprint(server.port)
            self.assertNotEqual(renewed, before)

            key = (folder / "key.pem").read_bytes()
            certificate()
            (folder / "key.pem").write_bytes(key)
            server.process.send_signal(signal.SIGHUP)
            until = time.time() + 10
            while b"The one in use stays" not in (server.folder / "log.txt").read_bytes() and time.time() < until:
                time.sleep(0.1)
            self.assertIn(b"key.pem as the key of", (server.folder / "log.txt").read_bytes())
            self.assertEqual(fingerprint(server.port), renewed)
        shutil.rmtree(folder)

    def test_webhooks_are_signed_and_retried_until_acknowledged(self):
        with WebhookReceiver(refusals=2) as webhooks:
            with Server("--webhook", webhooks.url, "--webhook-secret", "s3cret") as server:
                server.request("POST", "/whip?name=x", OFFER, SDP)
                webhooks.wait_for("recording.started")
            body, signature = webhooks.received[0]
        stamp, value = [part.split("=", 1)[1] for part in signature.split(",")]
        expected = hmac.new(b"s3cret", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        self.assertEqual(value, expected)


if __name__ == "__main__":
    run_tests()
