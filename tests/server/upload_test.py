#!/usr/bin/env python3
"""rtpx serve --upload to a real S3 server, and what retention makes of what is stored:
upload_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.request

from running_server import RTPX, Server, WebhookReceiver, add_recording, run_tests

SERVERS = pathlib.Path(__file__).parent.parent / "s3"
SWIFT = SERVERS / "swift_server"
PORT = 20000 + os.getpid() % 1500 * 8  # below those that the kernel hands out to others


@unittest.skipUnless(shutil.which("swift-proxy-server") and shutil.which("memcached"), "swift-proxy is not installed")
class Upload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="rtpx-swift-")
        port = PORT
        cls.swift = subprocess.Popen([SWIFT, cls.folder, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert cls.swift.stdout.readline().strip() == "ready"
        auth = urllib.request.Request(f"http://127.0.0.1:{port}/auth/v1.0", headers={"X-Auth-User": "t:t", "X-Auth-Key": "SKTEST"})
        with urllib.request.urlopen(auth) as answer:
            storage, token = answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"]
        bucket = urllib.request.Request(storage + "/calls", method="PUT", headers={"X-Auth-Token": token})
        urllib.request.urlopen(bucket).close()
        os.environ.update(AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{port}", AWS_ACCESS_KEY_ID="t:t",
                          AWS_SECRET_ACCESS_KEY="SKTEST", AWS_REGION="us-east-1")
        cls.objects = lambda _: urllib.request.urlopen(urllib.request.Request(
            storage + "/calls", headers={"X-Auth-Token": token})).read().decode().split()

    @classmethod
    def tearDownClass(cls):
        cls.swift.communicate("")
        shutil.rmtree(cls.folder, ignore_errors=True)

    def test_a_converted_recording_is_stored_and_told_of(self):
        with WebhookReceiver() as webhooks, Server("--upload", "s3://calls/today", "--webhook", webhooks.url) as server:
            name = add_recording(server.folder)
            server.request("POST", f"/api/recordings/{name}/convert")
            entry = server.wait_for_state(name, "uploaded", "failed")
            self.assertEqual((entry["state"], entry["upload"]), ("uploaded", {"state": "done"}))
            self.assertEqual(webhooks.wait_for("recording.uploaded")["data"]["id"], name)
            stored = self.objects()
            for file in (server.folder / "recordings" / name).iterdir():
                if file.is_file():
                    self.assertIn(f"today/{name}/{file.name}", stored)
            self.assertIn("rtpx_uploads_done_total 1", server.request("GET", "/metrics").content.decode())

    def test_an_upload_that_is_refused_fails_with_a_reason_and_the_recording_stays_ready(self):
        with WebhookReceiver() as webhooks, Server("--upload", "s3://no-such-bucket/x", "--webhook", webhooks.url) as server:
            name = add_recording(server.folder)
            server.request("POST", f"/api/recordings/{name}/convert")
            failed = webhooks.wait_for("recording.failed")
            self.assertEqual((failed["data"]["id"], failed["data"]["step"]), (name, "upload"))
            entry = server.json(f"/api/recordings/{name}")
            self.assertEqual((entry["state"], entry["upload"]["state"]), ("ready", "failed"))
            for error in (entry["upload"]["error"], failed["data"]["error"], (server.folder / "log.txt").read_text()):
                self.assertIn("There is no bucket no-such-bucket", error)
                self.assertIn("The service says: ", error)


class Stub:
    """An S3 service in memory, with one bucket."""

    def __init__(self, port):
        self.folder = tempfile.mkdtemp(prefix="rtpx-stub-")
        self.process = subprocess.Popen([SERVERS / "stub_server", self.folder, str(port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().strip() == "ready"
        self.environment = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "STUBKEY",
                            "AWS_SECRET_ACCESS_KEY": "SKSTUB/abc+def", "AWS_REGION": "us-east-1"}
        self.tell("bucket calls")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.communicate("")
        shutil.rmtree(self.folder, ignore_errors=True)


class Retention(unittest.TestCase):
    """Recordings of long ago, each stored or not, and a server that is to delete what is old or too much."""

    @classmethod
    def setUpClass(cls):
        cls.stub, cls.other = Stub(PORT + 5), Stub(PORT + 6)

    @classmethod
    def tearDownClass(cls):
        cls.stub.close()
        cls.other.close()

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-retention-"))
        os.environ.update(self.stub.environment)

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def recording(self, days_ago, upload=None):
        name = add_recording(self.folder, f"{self.id().rsplit('.')[-1]}-{days_ago}")
        created = datetime.datetime.utcnow() - datetime.timedelta(days=days_ago)
        info = {"format": {"major": 1, "minor": 0}, "name": "", "created": created.isoformat(timespec="microseconds") + "Z",
                "ended_at": created.isoformat(timespec="microseconds") + "Z", "conversion": {"state": "done"}}
        if upload:
            info["upload"] = {"state": upload}
        (self.path(name) / "recording.json").write_text(json.dumps(info))
        return name

    def stored(self, days_ago):
        name = self.recording(days_ago, "done")
        subprocess.run([RTPX, "upload", self.path(name), "s3://calls/kept"], check=True, stdout=subprocess.DEVNULL)
        return name

    def path(self, name):
        return self.folder / "recordings" / name

    def server(self, *options):
        return Server(*options, folder=self.folder)

    def wait_for(self, condition, what):
        until = time.time() + 60
        while not condition():
            self.assertLess(time.time(), until, f"{what}: {(self.folder / 'log.txt').read_text()}")
            time.sleep(0.1)

    def wait_for_log(self, text):
        self.wait_for(lambda: text in (self.folder / "log.txt").read_text(), text)

    def media_is_here(self, name):
        return len(list(self.path(name).glob("*.rtpx"))) == 2

    def test_what_is_proven_to_be_stored_goes_and_is_said(self):
        name = self.stored(30)
        with self.server("--keep-days", "7", "--upload", "s3://calls/kept"):
            self.wait_for(lambda: not self.path(name).exists(), "it goes")
            self.wait_for_log("deleted by --keep-days")
        line = next(line for line in (self.folder / "log.txt").read_text().splitlines() if "deleted by" in line)
        self.assertRegex(line, "(?i)warn")
        self.assertFalse((self.folder / "recordings" / ".rtpx-upload" / name).exists())

    def test_what_the_service_lost_stays_and_is_stored_again(self):
        name = self.stored(30)
        self.stub.tell(f"lose {name}/video")
        with self.server("--keep-days", "7", "--upload", "s3://calls/kept"):
            self.wait_for_log("recording uploaded")
        self.assertTrue(self.media_is_here(name))
        self.assertEqual(self.stub.tell(f"has {name}/video_1.rtpx"), "has 1")

    def test_what_the_service_damaged_stays(self):
        name = self.stored(30)
        self.stub.tell(f"damage {name}/video_1.rtpx")
        with self.server("--keep-days", "7", "--upload", "s3://calls/kept"):
            self.wait_for_log("upload failed")
        self.assertTrue(self.media_is_here(name))

    def test_what_another_endpoint_has_stays(self):
        name = self.stored(30)
        os.environ.update(self.other.environment)
        with self.server("--keep-days", "7", "--upload", "s3://calls/kept"):
            self.wait_for_log("recording uploaded")
        self.assertTrue(self.media_is_here(name))
        self.assertEqual(self.other.tell(f"has {name}/video_1.rtpx"), "has 1")

    def test_what_cannot_be_asked_for_stays(self):
        name = self.stored(30)
        os.environ["AWS_SECRET_ACCESS_KEY"] = "wrong"
        with self.server("--keep-days", "7", "--upload", "s3://calls/kept"):
            self.wait_for_log("cannot be asked")
        self.assertTrue(self.media_is_here(name))

    def test_an_upload_that_waits_for_its_service_says_why(self):
        name = self.recording(1, "waiting")
        self.stub.tell("down")
        with self.server("--upload", "s3://calls/kept") as server:
            self.wait_for_log("upload waits: Cannot reach http://127.0.0.1:")
            self.wait_for(lambda: "Cannot reach" in server.json(f"/api/recordings/{name}")["upload"].get("error", ""), "API")
            self.stub.tell("up")
            self.assertNotIn("error", server.wait_for_state(name, "uploaded")["upload"])

    def test_what_waits_for_its_upload_or_failed_stays_also_without_an_upload_url(self):
        waiting, failed, done = self.recording(30, "waiting"), self.recording(40, "failed"), self.recording(50, "done")
        with self.server("--keep-days", "7", "--keep-bytes", "1"):
            self.wait_for(lambda: not self.path(done).exists(), "what asks for no upload goes")
            self.wait_for_log("it waits for its upload")
            self.wait_for_log("its upload failed")
        self.assertTrue(self.media_is_here(waiting) and self.media_is_here(failed))

    def test_too_many_bytes_delete_the_oldest_first_and_never_the_newest(self):
        names = [self.recording(days) for days in (3, 1, 2)]
        with self.server("--keep-bytes", "1"):
            self.wait_for(lambda: not self.path(names[0]).exists() and not self.path(names[2]).exists(), "the older ones go")
            self.assertTrue(self.media_is_here(names[1]))
        deleted = [line for line in (self.folder / "log.txt").read_text().splitlines() if "deleted by --keep-bytes" in line]
        self.assertEqual([name in line for name, line in zip((names[0], names[2]), deleted)], [True, True])

    def test_a_recording_without_a_date_of_its_own_is_as_old_as_its_tracks(self):
        name = add_recording(self.folder, "undated")
        start = datetime.datetime.utcnow().isoformat(timespec="microseconds") + "Z"
        manifest = json.loads((self.path(name) / "manifest.json").read_text())
        for track in manifest.values():
            track["start_time"] = start
        (self.path(name) / "manifest.json").write_text(json.dumps(manifest))
        old = self.recording(30)
        with self.server("--keep-days", "7") as server:
            server.wait_for_state(name, "ready", "failed")
            self.wait_for(lambda: not self.path(old).exists(), "the old one goes")
        old = self.recording(31)
        with self.server("--keep-days", "7"):
            self.wait_for(lambda: not self.path(old).exists(), "the old one goes")
        self.assertTrue(self.media_is_here(name))


if __name__ == "__main__":
    run_tests()
