#!/usr/bin/env python3
"""The library over HTTP: library_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from running_server import OFFER, RTPX, SDP, Server, WebhookReceiver, add_recording, run_tests

MANY = 5000


def write_recording(base, number):
    """A small recording that is converted: a row of the library, nothing to play."""
    folder = pathlib.Path(base) / f"{number:06d}"
    (folder / "output").mkdir(parents=True)
    day, second = divmod(number, 86400)
    (folder / "recording.json").write_text(json.dumps({
        "format": {"major": 1, "minor": 0}, "name": f"Meeting {number}", "created": f"2026-01-{1 + day:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z",
        "ended_at": "2026-02-01T00:00:00Z", "conversion": {"state": "done"}, "labels": [f"team {number % 7}"]}))
    (folder / "manifest.json").write_text("{}")
    (folder / "output" / "a.webm").write_bytes(b"x" * (number % 1000))
    (folder / "output" / "result.json").write_text(json.dumps({"a": {"location": "a.webm", "duration_ms": number}}))


def calls_of(process, seconds=None, during=None):
    """How many system calls a process makes, by strace."""
    counts = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-p", str(process.pid)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while "attached" not in counts.stderr.readline():
        if counts.poll() is not None:
            raise unittest.SkipTest("strace cannot watch a process here")
    if during:
        during()
    else:
        time.sleep(seconds)
    counts.send_signal(signal.SIGINT)
    rows = [line.split() for line in counts.communicate()[1].splitlines()]
    return {row[1]: int(row[0]) for row in rows if len(row) == 2 and row[0].isdigit() and row[1] != "total"}


@unittest.skipUnless(shutil.which("strace"), "needs strace")
class FiveThousand(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        base = cls.server.folder / "recordings"
        cls.server.stop()
        for number in range(MANY):
            write_recording(base, number)
        cls.server = Server(folder=cls.server.folder)
        cls.server.keep = False

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def cost(self, path):
        """Of a request, without what the library grows by."""
        answer = []
        calls = calls_of(self.server.process, during=lambda: answer.append(self.server.json(path)))
        files = sum(calls.get(name, 0) for name in ("open", "openat", "stat", "lstat", "newfstatat", "statx", "getdents64", "access", "readlink"))
        return answer[0], files

    def test_a_list_costs_what_it_shows(self):
        page, cost = self.cost("/api/recordings?limit=50")
        self.assertEqual((page["total"], len(page["recordings"]), page["recordings"][0]["id"]), (MANY, 50, f"{MANY - 1:06d}"))
        self.assertLess(cost, 50 * 60)
        page, one = self.cost("/api/recordings?limit=1")
        self.assertLess(one, 60)

    def test_a_search_costs_what_it_finds(self):
        page, cost = self.cost("/api/recordings?q=meeting+4321")
        self.assertEqual([entry["name"] for entry in page["recordings"]], ["Meeting 4321"])
        self.assertLess(cost, 60)
        page, cost = self.cost("/api/recordings?q=nothing+like+it")
        self.assertEqual((page["total"], page["recordings"]), (0, []))
        self.assertLess(cost, 20)

    def test_the_event_stream_costs_nothing_for_each_idle_recording(self):
        connection = self.server.connection()
        connection.request("GET", "/api/events")
        stream = connection.getresponse()
        stream.readline()
        calls = calls_of(self.server.process, seconds=5)
        connection.close()
        self.assertLess(sum(calls.values()), 1000, calls)  # of five seconds, whatever number of recordings there are
        self.assertLess(sum(calls.get(name, 0) for name in ("openat", "newfstatat", "getdents64", "statx")), 50, calls)

    def test_all_are_found_page_by_page_in_any_order(self):
        for order in ("sort=bytes", "sort=name", "sort=duration&order=asc", ""):
            seen, after = [], ""
            while True:
                page = self.server.json(f"/api/recordings?limit=500&{order}&after={urllib.parse.quote(after)}" if after else f"/api/recordings?limit=500&{order}")
                seen += [entry["id"] for entry in page["recordings"]]
                after = page.get("next")
                if not after:
                    break
            self.assertEqual((len(seen), len(set(seen))), (MANY, MANY), order)

    def test_labels_are_counted(self):
        labels = self.server.json("/api/labels")["labels"]
        self.assertEqual(sum(one["recordings"] for one in labels), MANY)
        page = self.server.json("/api/recordings?label=team+3&limit=1")
        self.assertEqual(page["total"], next(one["recordings"] for one in labels if one["label"] == "team 3"))


class Describing(unittest.TestCase):
    def test_a_recording_is_named_labelled_and_found(self):
        with Server("--conversions", "1") as server:
            name = add_recording(server.folder)
            path = f"/api/recordings/{name}"
            body = {"name": "Grüße/aus: Köln", "labels": ["daily", "köln"], "metadata": {"ticket": "RTC-7"}}
            answer = server.request("PATCH", path, json.dumps(body))
            self.assertEqual(answer.status, 200, answer.content)
            entry = server.json(path)
            self.assertEqual({key: entry[key] for key in body}, body)
            self.assertEqual(json.loads((server.folder / "recordings" / name / "recording.json").read_text())["labels"], ["daily", "köln"])
            for question in ("q=gru%C3%9Fe", "q=koln+daily", "q=rtc-7", "label=daily", "label=daily&label=k%C3%B6ln"):
                self.assertEqual([one["id"] for one in server.json(f"/api/recordings?{question}")["recordings"]], [name], question)
            self.assertEqual(server.json("/api/recordings?q=paris")["recordings"], [])
            self.assertEqual(server.request("PATCH", path, json.dumps({"metadata": {"ticket": None}, "labels": []})).status, 200)
            entry = server.json(path)
            self.assertEqual((entry["name"], entry["labels"], entry["metadata"]), (body["name"], [], {}))

    def test_wrong_descriptions_and_questions_are_refused_and_change_nothing(self):
        with Server() as server:
            path = f"/api/recordings/{add_recording(server.folder)}"
            before = server.json(path)["name"]
            for body in ("", "[]", "{", '{"name": 1}', '{"labels": "x"}', '{"labels": [1]}', '{"metadata": {"a": 1}}', '{"other": ""}', json.dumps({"name": "x" * 5000})):
                self.assertEqual(server.request("PATCH", path, body).status, 400, body)
            self.assertEqual(server.json(path)["name"], before)
            self.assertEqual(server.request("PATCH", "/api/recordings/none", '{"name": "x"}').status, 404)
            for question in ("limit=0", "limit=501", "limit=x", "after=x", "state=odd", "from=yesterday", "sort=colour", "order=up", "q=" + "x" * 1001):
                self.assertEqual(server.request("GET", f"/api/recordings?{question}").status, 400, question)

    def test_a_live_recording_keeps_its_new_name_and_what_whip_said_of_it(self):
        with Server() as server:
            answer = server.request("POST", "/whip?name=first&label=a&label=b", OFFER, SDP)
            recording = answer.getheader("Link").split(">")[0].rsplit("/", 1)[1]
            entry = server.json(f"/api/recordings/{recording}")
            self.assertEqual((entry["name"], entry["labels"]), ("first", ["a", "b"]))
            self.assertEqual(server.request("PATCH", f"/api/recordings/{recording}", '{"name": "second"}').status, 200)
            server.request("POST", f"/api/recordings/{recording}/marks", '{"text": "now"}')
            self.assertEqual(server.json(f"/api/recordings/{recording}")["name"], "second")

    def test_downloads_are_named_by_recording_and_time_and_files_are_tagged(self):
        with Server("--format", "auto", "mkv") as server:
            name = add_recording(server.folder)
            server.request("PATCH", f"/api/recordings/{name}", json.dumps({"name": "Team: ä/b", "labels": ["one", "two"], "metadata": {"ROOM": "12"}}))
            server.request("POST", f"/api/recordings/{name}/convert")
            entry = server.wait_for_state(name, "ready", "failed")
            self.assertEqual([file["format"] for file in entry["files"]], ["webm", "mkv"], entry)
            for file in entry["files"]:
                saved = urllib.parse.unquote(server.request("GET", file["url"] + "?download").getheader("Content-Disposition").split("''")[1])
                self.assertRegex(saved, r"^Team_ ä_b \d{4}-\d\d-\d\d \d\d-\d\dZ\." + file["format"] + "$")
                local = server.folder / "recordings" / name / "output" / file["name"]
                probe = json.loads(subprocess.check_output(["ffprobe", "-v", "error", "-show_format", "-of", "json", local]))
                tags = {key.upper(): value for key, value in probe["format"]["tags"].items()}
                self.assertEqual((tags["TITLE"], tags["KEYWORDS"], tags["ROOM"]), ("Team: ä/b", "one,two", "12"))


class Afterwards(unittest.TestCase):
    def test_a_hook_that_waits_runs_after_a_restart(self):
        with tempfile.TemporaryDirectory(prefix="rtpx-hook-") as work:
            hook = f"cat >> {work}/told.json; [ -e {work}/go ] || sleep 30"
            first = Server("--on-converted", hook)
            names = [add_recording(first.folder, f"call-{n}") for n in range(2)]
            for name in names:
                first.request("POST", f"/api/recordings/{name}/convert")
                first.wait_for_state(name, "ready", "failed", seconds=120)
            told = lambda: [json.loads(line)["id"] for line in pathlib.Path(work, "told.json").read_text().splitlines()]
            until = time.time() + 30
            while not pathlib.Path(work, "told.json").exists() and time.time() < until:
                time.sleep(0.05)
            self.assertEqual(told(), names[:1], "the second waits")
            first.stop()
            pathlib.Path(work, "go").touch()
            with Server("--on-converted", hook, folder=first.folder) as second:
                second.keep = False
                until = time.time() + 30
                while len(told()) < 3 and time.time() < until:
                    time.sleep(0.05)
                self.assertEqual(told(), [names[0], *names], "the one that was ended runs again, and the one that waited")

    def test_hook_and_webhook_are_told_the_files_their_sizes_losses_and_places(self):
        with WebhookReceiver() as receiver, tempfile.TemporaryDirectory(prefix="rtpx-hook-") as work:
            with Server("--webhook", receiver.url, "--public-url", "https://rec.example", "--token", "secret", "--on-converted",
                        f"cat > {work}/hook.json; env > {work}/env.txt; echo said >&2; exit 3") as server:
                os.environ.pop("AWS_SECRET_ACCESS_KEY", None)
                name = add_recording(server.folder)
                server.request("POST", f"/api/recordings/{name}/convert", headers={"Authorization": "Bearer secret"})
                told = receiver.wait_for("recording.converted", 60)["data"]
                self.assertEqual((told["id"], told["has_losses"], told["folder"]), (name, told["has_losses"], str(server.folder / "recordings" / name)))
                [file] = told["files"]
                self.assertEqual(pathlib.Path(file["location"]).stat().st_size, file["bytes"])
                self.assertGreater(file["duration_ms"], 0)
                self.assertEqual(sorted(file["lost"]), ["after_repair", "before_repair"])
                self.assertTrue(file["url"].startswith(f"https://rec.example/api/recordings/{name}/files/"))
                path = file["url"].removeprefix("https://rec.example")
                self.assertEqual(server.request("GET", path).status, 200)
                self.assertEqual(server.request("GET", path.split("?")[0]).status, 401)
                until = time.time() + 30
                while "--on-converted failed: said" not in (server.folder / "log.txt").read_text() and time.time() < until:
                    time.sleep(0.1)
                self.assertIn("--on-converted failed: said", (server.folder / "log.txt").read_text())
                hook = json.loads(pathlib.Path(work, "hook.json").read_text())
                self.assertEqual(hook["files"], told["files"])
                environment = pathlib.Path(work, "env.txt").read_text()
                self.assertNotIn("secret", environment)
                self.assertNotIn("HOME=", environment)

    def test_a_receiver_that_is_away_holds_up_no_other(self):
        with WebhookReceiver(refusals=10**6) as away, WebhookReceiver() as there:
            with Server("--webhook", away.url, "--webhook", there.url) as server:
                name = add_recording(server.folder)
                server.request("POST", f"/api/recordings/{name}/convert")
                there.wait_for("recording.converted", 60)
                server.request("POST", f"/api/recordings/{name}/convert")
                server.wait_for_state(name, "ready", "failed")
                until = time.time() + 20
                while len(there.received) < 2 and time.time() < until:
                    time.sleep(0.1)
                self.assertEqual(len(there.received), 2)
                self.assertEqual(away.received, [])

    def test_what_is_no_address_is_refused_at_the_start(self):
        for options, said in ((["--webhook", "notaurl"], "--webhook"), (["--public-url", "example.org"], "--public-url"), (["--format", "avi"], "avi"), (["--format", "mp4,mp4"], "twice")):
            run = subprocess.run([RTPX, "serve", "--listen", "127.0.0.1:0", "--base-dir", "/nonexistent", *options], capture_output=True, text=True, timeout=30)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertIn(said, run.stderr)

    def test_what_cannot_be_listened_on_says_why(self):
        def said(*options, **more):
            run = subprocess.run([RTPX, "serve", "--udp-port", "0", "--base-dir", str(folder / "recordings"), *options], capture_output=True, text=True, timeout=30, **more)
            return run.returncode, run.stderr
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-said-"))
        try:
            self.assertIn("names no host: write 127.0.0.1:18201", said("--listen", ":18201")[1])
            self.assertIn("no interface of this machine has that address", said("--listen", "192.0.2.1:18201", "--insecure")[1])
            config = folder / "rtpx.conf"
            config.write_text('[serve]\nlisten = "nonsense"\n')
            self.assertIn('"nonsense" is no HOST:PORT', said("--config", str(config))[1])
            config.write_text('[other]\nlisten = "nonsense"\n')
            self.assertIn("has a section [other]", said("--config", str(config))[1])
            config.write_text('[serve]\nlisten-on = "nonsense"\n')
            self.assertIn('an option "listen-on"', said("--config", str(config))[1])
            for content, why in ((None, "No such file"), ("", "it is empty"), ("hello", "")):
                certificate = folder / "cert.pem"
                if content is not None:
                    certificate.write_text(content)
                code, text = said("--listen", "127.0.0.1:0", "--tls-cert", str(certificate), "--tls-key", str(certificate))
                self.assertEqual(code, 2)
                self.assertIn(f"Cannot use {certificate} as TLS certificate: {why}", text)
                self.assertNotIn("unknown", text)
        finally:
            shutil.rmtree(folder)

    def test_an_upload_without_credentials_is_told_at_the_start(self):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        os.environ.update(HOME="/nonexistent", AWS_EC2_METADATA_DISABLED="true")
        try:
            with Server("--upload", "s3://bucket/prefix") as server:
                until = time.time() + 30
                while "--upload cannot store anything" not in (server.folder / "log.txt").read_text() and time.time() < until:
                    time.sleep(0.1)
                self.assertIn("--upload cannot store anything: ", (server.folder / "log.txt").read_text())
        finally:
            os.environ.clear()
            os.environ.update(environment)

    def test_uploading_again_needs_a_place_to_upload_to(self):
        with Server() as server:
            name = add_recording(server.folder)
            answer = server.request("POST", f"/api/recordings/{name}/upload")
            self.assertEqual(answer.status, 409)
            self.assertIn("--upload", json.loads(answer.content)["detail"])

    def test_the_page_of_one_recording_is_the_page(self):
        with Server() as server:
            self.assertEqual(server.request("GET", "/r/20261122-100000").content, server.request("GET", "/").content)


if __name__ == "__main__":
    run_tests()
