#!/usr/bin/env python3
"""What a node is recording plays through any other: running_test.py PATH_TO_RTPX DATA_FOLDER PATH_TO_PUBLISH [unittest arguments]"""
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse

PUBLISH = sys.argv.pop(3)
from fleet_servers import DATA, INSTALLED, RTPX, Fleet, listens, wait_for  # noqa: E402

ROOT = pathlib.Path(__file__).parent.parent.parent
BROWSER = all(shutil.which(name) for name in ("chromium", "node", "npm"))


class Publisher:
    """The program of tests/server/publish.cpp: it sends the call once, and stays."""

    def __init__(self, fleet, node, query="", headers=None):
        self.process = subprocess.Popen([PUBLISH, DATA], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        offer = "".join(iter(self.process.stdout.readline, ".\n"))
        answer = fleet.request(node, "POST", f"/whip?{query}", offer.encode(), {"Content-Type": "application/sdp", **(headers or {})})
        assert answer.status == 201, answer.content
        self.recording = answer.getheader("Link").split("recordings/")[1].split(">")[0]
        self.process.stdin.write(answer.content.decode() + ".\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "connected\n"

    def wait_until_sent(self):
        assert self.process.stdout.readline().startswith("sent ")

    def finish(self):
        if self.process.poll() is None:
            self.process.communicate()


class Running(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.fleet.init()
        self.headers = {}

    def publish(self, node, query="", headers=None):
        publisher = Publisher(self.fleet, node, query, headers)
        self.addCleanup(publisher.finish)
        return publisher

    def ask(self, node, path, method="GET", status=200, headers=None, body=None):
        answer = self.fleet.request(node, method, path, body, self.headers if headers is None else headers)
        self.assertEqual(answer.status, status, f"{node} {path}: {answer.content[:500]} {self.fleet.members[node].text()[-1500:]}")
        return answer

    def json(self, node, path):
        return json.loads(self.ask(node, path).content)

    def told(self, node, recording):
        """What a node tells of a recording of the fleet."""
        return next((one for one in self.json(node, "/api/fleet/recordings")["recordings"] if one["id"] == recording), None)

    def has_segments(self, node, base):
        answer = self.fleet.request(node, "GET", base + "index.json", headers=self.headers)
        if answer.status != 200:
            return None
        index = json.loads(answer.content)
        return index if any(one["segments"] for program in index["programs"] for one in program["renditions"]) else None

    def segments(self, node, base):
        """Segments that are whole, as the playlists name them."""
        out = {}
        for program in self.json(node, base + "index.json")["programs"]:
            for rendition in program["renditions"]:
                for line in self.ask(node, f"{base}{rendition['id']}/index.m3u8").content.decode().splitlines():
                    if line and not line.startswith("#"):
                        name = f"{rendition['id']}/{line}"
                        out[name] = self.ask(node, base + name).content
        return out


class ThroughAnyNode(Running):
    TOKENS = {"a": {"for-a": "admin"}, "b": {"for-b": "admin", "sees": "view", "sends": "record"}}

    def setUp(self):
        super().setUp()
        for number, (node, tokens) in enumerate(self.TOKENS.items()):
            file = self.fleet.folder / f"tokens-{node}"
            file.write_text("".join(f"{scope} {hashlib.sha256(token.encode()).hexdigest()}\n" for token, scope in tokens.items()))
            self.fleet.node(node, number, "--tokens", file, "--linger", "1")

    @staticmethod
    def by(token):
        return {"Authorization": f"Bearer {token}"}

    def test_it_is_listed_and_plays_as_on_its_own_node(self):
        publisher = self.publish("a", "recording=room&name=Ann", self.by("for-a"))
        recording = publisher.recording
        self.headers = self.by("sees")
        entry = wait_for(lambda: self.told("b", recording), "b tells of it")
        self.assertEqual((entry["node"], entry["state"], entry["key"], entry["jobs"]), ("a", "recording", "room", []))
        self.assertEqual(self.json("b", f"/api/fleet/recordings/a/{recording}"), entry)
        self.assertEqual(self.json("b", "/api/fleet/recordings?key=room")["recordings"], [entry])
        self.assertEqual(self.json("b", "/api/fleet/recordings?key=hall")["recordings"], [])
        publisher.wait_until_sent()

        base, own = entry["play"], f"/api/recordings/{recording}/play/"
        index = wait_for(lambda: self.has_segments("b", base), "b plays it")
        self.assertTrue(index["growing"])
        through_b = self.segments("b", base)
        self.headers = self.by("for-a")
        self.assertEqual(through_b, {name: self.ask("a", own + name).content for name in through_b})
        self.assertEqual(through_b, {name: self.ask("a", base + name).content for name in through_b})
        self.assertGreater(len(through_b), 1)
        self.headers = self.by("sees")

        rendition = next(one for one in index["programs"][0]["renditions"] if one["kind"] == "audio")
        playlist = self.ask("b", f"{base}{rendition['id']}/index.m3u8").content.decode()
        parts = [line.split('URI="')[1].split('"')[0] for line in playlist.splitlines() if line.startswith("#EXT-X-PART:") and "URI=" in line]
        self.assertTrue(parts, playlist)
        for part in parts[:2]:
            self.assertGreater(len(self.ask("b", f"{base}{rendition['id']}/{part}").content), 100)
        name = next(iter(through_b))
        whole = self.ask("b", base + name)
        self.assertEqual(self.ask("b", base + name, status=206, headers={**self.headers, "Range": "bytes=2-5"}).content, whole.content[2:6])
        self.ask("b", base + name, status=304, headers={**self.headers, "If-None-Match": whole.getheader("ETag")})
        self.assertEqual(self.ask("b", base + name, method="HEAD").content, b"")
        began = time.time()
        version = self.json("b", base + "index.json")["version"]
        self.ask("b", f"{base}index.json?after={version}")
        self.assertLess(time.time() - began, 11)

        for missing in (f"{base}v9/index.m3u8", "/api/fleet/recordings/a/nothing/play/index.json",
                        f"/api/fleet/recordings/nobody/{recording}/play/index.json", "/api/fleet/recordings/a/nothing/frame.jpg?at=1",
                        f"/api/fleet/recordings/nobody/{recording}/clip.webm"):
            self.ask("b", missing, status=404)
        refused = self.ask("b", f"/api/fleet/recordings/a/{recording}/compose", method="POST", status=409, headers=self.by("for-b"))
        self.assertIn(b"not stored yet", refused.content)
        if BROWSER:
            self.assert_page_plays(recording)

        publisher.finish()
        wait_for(lambda: self.told("b", recording)["state"] == "stored", f"it is stored: {self.fleet.members['a'].text()[-3000:]}")
        self.fleet.members["a"].kill()
        self.assertFalse(self.json("b", base + "index.json")["growing"])
        self.assertGreater(len(self.segments("b", base)), 1)

    def test_it_is_cut_as_on_its_own_node(self):
        publisher = self.publish("a", headers=self.by("for-a"))
        cuts, own = f"/api/fleet/recordings/a/{publisher.recording}/", f"/api/recordings/{publisher.recording}/"
        self.headers = self.by("sees")
        publisher.wait_until_sent()
        pictures = {}
        for name in ("frame.jpg?at=1&size=160x", "clip.webm?from=0.5&to=1.5", "clip.mp4?from=0&to=1"):
            through_b = self.fleet.request("b", "GET", cuts + name, headers=self.headers)
            by_a = self.fleet.request("a", "GET", own + name, headers=self.by("for-a"))
            self.assertEqual((through_b.status, through_b.content), (by_a.status, by_a.content), name)
            self.assertEqual(through_b.getheader("Content-Type"), by_a.getheader("Content-Type"))
            pictures[name] = through_b
        self.assertEqual([answer.status for answer in pictures.values()], [200, 200, 422])  # MP4 is not written with VP8
        name, picture = next(iter(pictures.items()))
        self.assertEqual(self.ask("b", cuts + name, status=206, headers={**self.headers, "Range": "bytes=1-4"}).content, picture.content[1:5])
        self.assertIn("at 1.jpg", urllib.parse.unquote(self.ask("b", f"{cuts}{name}&download").getheader("Content-Disposition")))
        self.ask("b", cuts + "frame.jpg", status=400)

        publisher.finish()
        wait_for(lambda: (self.told("b", publisher.recording) or {}).get("state") == "stored", f"it is stored: {self.fleet.members['a'].text()[-3000:]}")
        self.fleet.members["a"].kill()
        self.assertEqual(self.ask("b", cuts + name).content, picture.content)
        self.assertGreater(len(self.ask("b", cuts + "clip.webm?from=0.5&to=1.5").content), 1000)
        refused = self.ask("b", cuts + "clip.mp4?from=0&to=1", status=422).content
        self.assertNotIn(b"s3:", refused)  # where all is stored is none of a viewer's business

    def assert_page_plays(self, recording):
        run = subprocess.run([ROOT / "tools" / "browser-test", RTPX, "fleet_page.mjs"], capture_output=True, text=True, timeout=120,
                             env={**os.environ, "RTPX_PAGE": f"http://127.0.0.1:{self.fleet.members['b'].port}/", "RTPX_PAGE_TOKEN": "sees",
                                  "RTPX_RECORDING": recording})
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_nobody_comes_in_who_could_not(self):
        publisher = self.publish("a", headers=self.by("for-a"))
        self.headers = self.by("sees")
        base = f"/api/fleet/recordings/a/{publisher.recording}/play/"
        wait_for(lambda: self.has_segments("b", base), "b plays it")
        target = base + "index.json"
        for node, headers, status in (("b", {}, 401), ("b", self.by("wrong"), 401), ("b", self.by("sends"), 403), ("a", {}, 401),
                                      ("a", self.by("sees"), 401), ("a", {"Authorization": "Rtpx-Node b"}, 401)):
            for path in (target, base.replace("play/", "frame.jpg?at=0")):
                self.ask(node, path, status=status, headers=headers)

        key = self.fleet.store.read(f"{self.fleet.prefix}/recordings/a/node.key")

        def passed(opens, until=60):
            end = int(1000 * (time.time() + until))
            signature = hmac.new(key, f"node pass\n{end}\n{opens}".encode(), hashlib.sha256).hexdigest()
            return {"Authorization": f"Rtpx-Node b {end}.{signature}"}
        self.ask("a", target, headers=passed(target))
        self.ask("a", target, status=401, headers=passed(base + "index.m3u8"))
        self.ask("a", target, status=401, headers=passed(target, -1))
        self.ask("a", target, status=401, headers=passed(target, 3600))
        self.ask("b", target, status=401, headers=passed(target))
        picture = base.replace("play/", "frame.jpg?at=0")
        self.ask("a", picture, headers=passed(picture))
        self.ask("a", target + "?after=1", status=401, headers=passed(target))
        for other in ("/api/recordings", "/api/fleet/recordings", f"/api/recordings/{publisher.recording}/play/index.json"):
            self.ask("a", other, status=401, headers=passed(other))
        self.ask("a", f"/api/recordings/{publisher.recording}", method="DELETE", status=401, headers=passed(f"/api/recordings/{publisher.recording}"))

    def test_a_node_that_does_not_answer_is_said_not_to(self):
        publisher = self.publish("a", headers=self.by("for-a"))
        self.headers = self.by("sees")
        target = f"/api/fleet/recordings/a/{publisher.recording}/play/index.json"
        wait_for(lambda: self.fleet.request("b", "GET", target, headers=self.headers).status == 200, "b plays it")
        wait_for(lambda: self.told("b", publisher.recording), "b tells of it")
        node = self.fleet.members["a"]
        node.signal(signal.SIGSTOP)
        began = time.time()
        self.assertIn(b"does not answer", self.ask("b", target, status=502).content)
        self.assertLess(time.time() - began, 25)
        node.kill()
        self.assertIn(b"does not answer", self.ask("b", target, status=502).content)
        wait_for(lambda: self.told("b", publisher.recording).get("away"), "b has not heard of it", 60)
        self.assertEqual(self.told("b", publisher.recording)["state"], "recording")
        self.assertIn(b"not been heard of for", self.ask("b", target, status=502).content)
        publisher.finish()

        node.start()
        wait_for(lambda: listens(node.port), "it listens again")
        wait_for(lambda: (self.told("b", publisher.recording) or {}).get("state") == "stored", f"what was cut off is stored: {node.text()[-3000:]}")
        self.assertFalse(self.json("b", target)["growing"])
        again = self.publish("a", headers=self.by("for-a"))  # it has another key since
        wait_for(lambda: self.has_segments("b", f"/api/fleet/recordings/a/{again.recording}/play/"), "b plays the next one")


class InPlaceOfANode(http.server.BaseHTTPRequestHandler):
    """Answers as a node would that has much to send, or that dies while it does, or that makes something for long."""
    protocol_version = "HTTP/1.1"
    LARGE = 96 << 20
    LONG = 14  # seconds

    def do_GET(self):
        if "frame.jpg" in self.path or "slow" in self.path:
            time.sleep(self.LONG)
            return self.say(b"made.")
        breaks_off = "9.m4s" in self.path
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(self.LARGE))
        self.end_headers()
        try:
            for _ in range(1 if breaks_off else self.LARGE >> 20):
                self.wfile.write(bytes(1 << 20))
        except OSError:
            pass
        self.close_connection = True

    def say(self, content):
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            pass  # nobody waits any more

    def log_message(self, *_):
        pass


class Passing(Running):
    def setUp(self):
        super().setUp()
        stand_in = http.server.ThreadingHTTPServer(("127.0.0.1", 0), InPlaceOfANode)
        threading.Thread(target=stand_in.serve_forever, daemon=True).start()
        self.addCleanup(stand_in.server_close)
        self.addCleanup(stand_in.shutdown)
        self.fleet.node("b", 0)
        self.fleet.node("c", 1, url=f"http://127.0.0.1:{stand_in.server_port}")
        wait_for(lambda: "c" in [node["name"] for node in self.json("b", "/api/fleet")["nodes"]], "b has heard of c")

    def test_what_takes_long_to_make_is_waited_for_and_a_playlist_is_not(self):
        self.assertEqual(self.ask("b", "/api/fleet/recordings/c/x/frame.jpg?at=0").content, b"made.")
        self.assertIn(b"no answer within 12 s", self.ask("b", "/api/fleet/recordings/c/x/play/slow.m3u8", status=502).content)

    def test_a_body_of_any_size_is_passed_on_as_it_is_taken(self):
        b = self.fleet.members["b"]
        memory = lambda: int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{b.process.pid}/status").read_text())[1])
        before, base = memory(), "/api/fleet/recordings/c/x/play/v1/"
        connections = [http.client.HTTPConnection("127.0.0.1", b.port, timeout=60) for _ in range(4)]
        for connection in connections:
            self.addCleanup(connection.close)
            connection.request("GET", base + "1.m4s")
        answers = [connection.getresponse() for connection in connections]
        time.sleep(3)  # as slow viewers do
        self.assertLess(memory() - before, 24 << 10, "KiB")
        for answer in answers:
            left = InPlaceOfANode.LARGE
            while piece := answer.read(1 << 20):
                left -= len(piece)
            self.assertEqual(left, 0)
        self.assertLess(memory() - before, 24 << 10, "KiB")
        with self.assertRaises(http.client.IncompleteRead):
            self.ask("b", base + "9.m4s")


class NotThroughOthers(Running):
    def test_an_address_that_leads_to_another_node(self):
        self.fleet.node("b", 0)
        self.fleet.node("c", 1, url=f"http://127.0.0.1:{self.fleet.members['b'].port}")
        self.fleet.node("d", 2, url="")
        for node, said in (("c", b"leads to another node"), ("d", b"without --node-url")):
            publisher = self.publish(node)
            wait_for(lambda: self.told("b", publisher.recording), f"b tells of {node}")
            answer = self.ask("b", f"/api/fleet/recordings/{node}/{publisher.recording}/play/index.json", status=502)
            self.assertIn(said, answer.content)

    def test_a_sealed_one_plays_on_its_own_node_alone(self):
        identity = self.fleet.folder / "my.identity"
        keys = subprocess.run([RTPX, "keygen", "--no-passphrase", "-o", identity], capture_output=True, text=True, check=True)
        recipient = next(word for word in (keys.stdout + keys.stderr).split() if word.startswith("rtpxpub1"))
        self.fleet.node("a", 0, "--recipient", recipient, "--identity", identity)
        self.fleet.node("b", 1, "--identity", identity)
        publisher = self.publish("a", "recording=secret&name=Ann")
        entry = wait_for(lambda: self.told("b", publisher.recording), "b tells of it")
        self.assertNotIn("secret", json.dumps(entry))
        wait_for(lambda: self.has_segments("a", f"/api/recordings/{publisher.recording}/play/"), "it plays on its own node")
        for path in (entry["play"] + "index.json", entry["play"].replace("play/", "frame.jpg?at=0")):
            self.assertIn(b"is sealed", self.ask("b", path, status=403).content)
        publisher.finish()


if __name__ == "__main__":
    if not INSTALLED:
        print("nats-server or swift is not installed")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
