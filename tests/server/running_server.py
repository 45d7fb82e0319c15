"""What the tests of rtpx serve have in common. argv: PATH_TO_RTPX DATA_FOLDER [unittest arguments]

DATA_FOLDER is a small recording of a browser call with its offer.sdp.
"""
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

RTPX, DATA = sys.argv[1], pathlib.Path(sys.argv[2])
OFFER = (DATA / "offer.sdp").read_bytes()
SDP = {"Content-Type": "application/sdp"}


class Server:
    """One rtpx serve in a folder of its own."""

    def __init__(self, *options, folder=None, tls=False, min_free="1M"):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="rtpx-api-"))
        self.keep = folder is not None
        self.log = open(self.folder / "log.txt", "ab")
        self.process = subprocess.Popen(
            [RTPX, "serve", "--listen", "127.0.0.1:0", "--udp-port", "0", "--udp-listen", "127.0.0.1",
             "--min-free", min_free, "--base-dir", str(self.folder / "recordings"), *options],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = self.process.stdout.readline().strip()
        self.tls = tls
        if self.url:
            self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.log.close()
        return code

    def connection(self):
        if self.tls:
            context = ssl._create_unverified_context()
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=120, context=context)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def request(self, method, path, body=None, headers=None):
        connection = self.connection()
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        return answer

    def json(self, path, **headers):
        answer = self.request("GET", path, headers=headers)
        assert answer.status == 200, (path, answer.status, answer.content)
        return json.loads(answer.content)

    def wait_for_state(self, recording, *states, seconds=60):
        until = time.time() + seconds
        while time.time() < until:
            entry = self.json(f"/api/recordings/{recording}")
            if entry["state"] in states:
                return entry
            time.sleep(0.1)
        raise AssertionError(f"{recording} is {entry['state']}, not {states}: {entry}")


def add_recording(folder, name="20261122-100000"):
    target = pathlib.Path(folder) / "recordings" / name
    target.mkdir(parents=True)
    for file in DATA.iterdir():
        shutil.copy(file, target)
        os.chmod(target / file.name, 0o640)
    return name


def records_of(data):
    """The records of a .rtpx file: (time of arrival in ms, the record's bytes)."""
    at = 0
    while at < len(data):
        end = at + 13 + int.from_bytes(data[at + 9:at + 13], "big")
        yield int.from_bytes(data[at + 1:at + 9], "big"), data[at:end]
        at = end


def pause_recording(folder, from_ms, to_ms):
    """Makes of a recording what would be there had it been paused from then to then, counted from its first packet."""
    files = list(folder.glob("*.rtpx"))
    first = min(next(records_of(file.read_bytes()))[0] for file in files)
    pause = {"from_ms": first + from_ms, "to_ms": first + to_ms}
    for file in files:
        file.write_bytes(b"".join(record for time, record in records_of(file.read_bytes())
                                  if not pause["from_ms"] <= time < pause["to_ms"]))
    manifest = json.loads((folder / "manifest.json").read_text())
    for track in manifest.values():
        track["pauses"] = [pause]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "recording.json").write_text(json.dumps({"format": {"major": 1, "minor": 0}, "pauses": [pause]}))


class WebhookReceiver:
    """Keeps the webhooks that it acknowledges: (body, signature). The first `refusals` are answered with 500."""

    def __init__(self, refusals=0):
        self.received = received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                nonlocal refusals
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refusals -= 1
                if refusals < 0:
                    received.append((body, self.headers["Rtpx-Signature"]))
                self.send_response(204 if refusals < 0 else 500)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, kind, seconds=20):
        until = time.time() + seconds
        while time.time() < until:
            for body, _ in self.received:
                if json.loads(body)["type"] == kind:
                    return json.loads(body)
            time.sleep(0.05)
        raise AssertionError(f"no {kind} among {self.received}")


def run_tests():
    unittest.main(module="__main__", argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
