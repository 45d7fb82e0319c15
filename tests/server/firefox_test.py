#!/usr/bin/env python3
"""Firefox records by the page of rtpx serve, and publishes a call that the server cannot read, with livekit-client's own
worker: firefox_test.py PATH_TO_RTPX

Firefox offers no loopback address to ICE, so both run in a network namespace with a veth address, which needs root.
Exits 77 where that or Firefox is missing. Firefox is driven by its own Marionette protocol.
"""
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from firefox import Firefox, wait

RTPX = sys.argv[1]
NAMESPACE = "rtpx-firefox"

BROWSER = pathlib.Path(__file__).resolve().parent / "browser"
WORKER = "node_modules/livekit-client/dist/livekit-client.e2ee.worker.js"
PASSPHRASE = "a call of our own"


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def enter_namespace():
    """Starts this script again inside a namespace of its own; the caller waits and removes it."""
    if os.environ.get("RTPX_NAMESPACE"):
        return
    if not shutil.which("firefox-esr"):
        skip("firefox-esr is not installed")
    if not (BROWSER / WORKER).exists() and shutil.which("npm"):
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"], cwd=BROWSER, check=True)
    ip = lambda *words: subprocess.run(["ip", *words], check=True, capture_output=True)  # noqa: E731
    try:
        ip("netns", "add", NAMESPACE)
    except (OSError, subprocess.CalledProcessError):
        skip("no network namespace can be made here")
    try:
        for words in (("link", "add", "ff0", "type", "veth", "peer", "name", "ff1"), ("addr", "add", "10.77.0.1/24", "dev", "ff0"),
                      ("link", "set", "ff0", "up"), ("link", "set", "ff1", "up"), ("link", "set", "lo", "up"),
                      ("route", "add", "default", "via", "10.77.0.2")):
            ip("-n", NAMESPACE, *words)
        environment = {**os.environ, "RTPX_NAMESPACE": "1", "HOME": tempfile.mkdtemp(prefix="rtpx-firefox-home-")}
        code = subprocess.run(["ip", "netns", "exec", NAMESPACE, sys.executable, *sys.argv], env=environment).returncode
        shutil.rmtree(environment["HOME"], ignore_errors=True)
    finally:
        ip("netns", "delete", NAMESPACE)
    sys.exit(code)


def serve_publisher():
    """The publishing page and livekit-client's worker."""
    files = {"/e2ee_publish.html": ("e2ee_publish.html", "text/html"), "/e2ee_publish.js": ("e2ee_publish.js", "text/javascript"),
             "/livekit-client.e2ee.worker.js": (WORKER, "text/javascript")}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name, kind = files.get(urllib.parse.urlsplit(self.path).path, (None, None))
            self.send_response(200 if name else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.end_headers()
            if name:
                self.wfile.write((BROWSER / name).read_bytes())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def sealed_call(firefox, url, origin, get):
    """Recorded, told, decrypted for the viewer, played."""
    whip = url + "whip?name=sealed"
    firefox.command("WebDriver:Navigate", {"url": f"{origin}/e2ee_publish.html?" + urllib.parse.urlencode({"whip": whip, "passphrase": PASSPHRASE})})
    status = lambda: firefox.run("return document.getElementById('status').textContent")  # noqa: E731
    wait("sealed frames", lambda: "failed" in status() or len(status()) >= len("sent 100"))
    assert "failed" not in status(), status()
    firefox.run("return window.stop()")
    entry = wait("conversion", lambda: [one for one in get("api/recordings")["recordings"]
                                        if one["name"] == "sealed" and one["state"] in ("ready", "failed")])[0]
    print(entry["encrypted"]["what"])
    assert entry["state"] == "failed" and "LiveKit format), key index 0" in entry["encrypted"]["what"], entry
    firefox.command("WebDriver:Navigate", {"url": url})
    item = f"document.getElementById('recording-{entry['id']}')"
    wait("the form", lambda: firefox.run(f"return Boolean({item}?.querySelector('.keys input'))"))
    firefox.run(f"{item}.querySelector('.keys input').value = {json.dumps(PASSPHRASE)}; {item}.querySelector('.keys form').requestSubmit()")
    wait("decryption", lambda: firefox.run(f"return {item}.querySelector('.keys').textContent.includes('Decrypted on the server')"))
    wait("playing", lambda: firefox.run(f"return ({item}.querySelector('.player video')?.currentTime ?? 0) > 0.5"))


def simulcast(firefox, url, get):
    """Three layers, each with all the frames that Firefox says it has encoded."""
    whip = url + "whip?name=layers"
    expression = subprocess.run(["node", BROWSER / "clock_sender.mjs", whip, "5", "3", "--expression"], check=True, capture_output=True,
                                text=True).stdout.strip()
    sent = firefox.run_async(expression, 60)
    assert "error" not in sent, sent
    entry = wait("conversion", lambda: [one for one in get("api/recordings")["recordings"]
                                        if one["name"] == "layers" and one["state"] in ("ready", "failed")])[0]
    assert entry["state"] == "ready", entry
    layers = {}
    for file in entry["files"]:
        for track in get(file["report_url"].lstrip("/"))["tracks"]:
            if track["kind"] == "video":
                layers[track["rid"]] = track
    print("simulcast:", {rid: (track["frames"], sent["frames"].get(rid), track["lost"]["after_repair"]) for rid, track in layers.items()})
    sending = {rid for rid, frames in sent["frames"].items() if frames > 10}  # on a busy machine Firefox leaves the largest out
    assert len(sending) >= 2 and set(layers) >= sending, (sending, layers.keys())
    for rid, track in ((rid, layers[rid]) for rid in sending):
        assert track["lost"]["after_repair"] == 0 and track["frames"] >= 0.9 * sent["frames"][rid] - 5, (rid, track["frames"], sent)


def main():
    enter_namespace()
    publisher = serve_publisher()
    origin = f"http://127.0.0.1:{publisher.server_port}"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-firefox-"))
    log = open(folder / "log.txt", "w")
    server = subprocess.Popen([RTPX, "serve", "--listen", "127.0.0.1:0", "--udp-port", "0", "--min-free", "1M", "--base-dir",
                               str(folder / "recordings"), "--origin", origin], stdout=subprocess.PIPE, stderr=log, text=True)
    url = server.stdout.readline().strip()
    firefox = Firefox(folder)

    def get(path):
        return json.load(urllib.request.urlopen(url + path))

    try:
        firefox.command("WebDriver:Navigate", {"url": url})
        wait("the page", lambda: firefox.run("return !document.getElementById('recorder').hidden"))
        firefox.run("document.getElementById('name').value = 'firefox'; document.getElementById('record').click()")
        wait("recording", lambda: firefox.run("return document.getElementById('record-text').textContent == 'Stop'"))
        time.sleep(6)
        print("the page says", firefox.run("return document.getElementById('bit-rate').textContent"))
        firefox.run("document.getElementById('record').click()")
        entry = wait("conversion", lambda: [one for one in get("api/recordings")["recordings"] if one["state"] in ("ready", "failed")])[0]
        assert entry["state"] == "ready" and entry["name"] == "firefox"
        assert {track["kind"] for track in entry["tracks"]} == {"audio", "video"}
        assert 3000 < entry["duration_ms"] < 12000
        video = next(track for track in get(entry["files"][0]["report_url"].lstrip("/"))["tracks"] if track["kind"] == "video")
        print(video["frames"], "frames,", video["lost"])
        assert video["frames"] > 30 and video["lost"]["after_repair"] == 0
        simulcast(firefox, url, get)
        sealed_call(firefox, url, origin, get)
    except BaseException:
        print((folder / "log.txt").read_text())
        raise
    finally:
        firefox.close()
        server.terminate()
        server.wait()
        publisher.shutdown()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


main()
