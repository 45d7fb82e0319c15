#!/usr/bin/env python3
"""rtpx serve --upload to a real S3 server: upload_test.py PATH_TO_RTPX DATA_FOLDER [unittest arguments]"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

from running_server import Server, WebhookReceiver, add_recording, run_tests

SWIFT = pathlib.Path(__file__).parent.parent / "s3" / "swift_server"


@unittest.skipUnless(shutil.which("swift-proxy-server") and shutil.which("memcached"), "swift-proxy is not installed")
class Upload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="rtpx-swift-")
        port = 20000 + os.getpid() % 1500 * 8  # below those that the kernel hands out to others
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
            self.assertGreater(len(entry["upload"]["error"]), 10)


if __name__ == "__main__":
    run_tests()
