#!/usr/bin/env python3
"""Firefox records by the page of rtpx serve: firefox_test.py PATH_TO_RTPX

Firefox offers no loopback address to ICE, so both run in a network namespace with a veth address, which needs root.
Exits 77 where that or Firefox is missing. Firefox is driven by its own Marionette protocol.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

RTPX = sys.argv[1]
NAMESPACE, PORT = "rtpx-firefox", 2828
PREFERENCES = {
    "marionette.port": PORT, "media.navigator.streams.fake": True, "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0, "media.peerconnection.ice.obfuscate_host_addresses": False,
    "datareporting.policy.dataSubmissionEnabled": False, "app.update.enabled": False, "browser.shell.checkDefaultBrowser": False,
}


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def enter_namespace():
    """Starts this script again inside a namespace of its own; the caller waits and removes it."""
    if os.environ.get("RTPX_NAMESPACE"):
        return
    if not shutil.which("firefox-esr"):
        skip("firefox-esr is not installed")
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


def wait(what, done, seconds=60):
    end = time.time() + seconds
    while not (value := done()):
        assert time.time() < end, f"{what}: not within {seconds} s"
        time.sleep(0.2)
    return value


class Firefox:
    def __init__(self, folder):
        profile = folder / "profile"
        profile.mkdir()
        (profile / "user.js").write_text("".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFERENCES.items()))
        self.process = subprocess.Popen(["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", str(profile)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.number = 0
        self.socket = wait("Firefox", self.connected)
        self.read()
        self.command("WebDriver:NewSession", {})

    @staticmethod
    def connected():
        try:
            return socket.create_connection(("127.0.0.1", PORT), timeout=60)
        except ConnectionError:
            return None

    def read(self):
        size = b""
        while not size.endswith(b":"):
            size += self.socket.recv(1)
        text = b""
        while len(text) < int(size[:-1]):
            text += self.socket.recv(int(size[:-1]) - len(text))
        return json.loads(text)

    def command(self, name, parameters):
        self.number += 1
        message = json.dumps([0, self.number, name, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self.read()
        assert error is None, error
        return result

    def run(self, script):
        return self.command("WebDriver:ExecuteScript", {"script": script, "args": []})["value"]

    def close(self):
        self.process.terminate()
        self.process.wait()


def main():
    enter_namespace()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-firefox-"))
    log = open(folder / "log.txt", "w")
    server = subprocess.Popen([RTPX, "serve", "--listen", "127.0.0.1:0", "--udp-port", "0", "--min-free", "1M", "--base-dir",
                               str(folder / "recordings")], stdout=subprocess.PIPE, stderr=log, text=True)
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
    except BaseException:
        print((folder / "log.txt").read_text())
        raise
    finally:
        firefox.close()
        server.terminate()
        server.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


main()
