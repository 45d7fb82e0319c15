"""Headless Firefox, driven by its own Marionette protocol."""
import json
import socket
import subprocess
import time

PORT = 2828
PREFERENCES = {
    "marionette.port": PORT, "media.navigator.streams.fake": True, "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0, "media.peerconnection.ice.obfuscate_host_addresses": False,
    "datareporting.policy.dataSubmissionEnabled": False, "app.update.enabled": False, "browser.shell.checkDefaultBrowser": False,
}



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

    def run_async(self, promise, seconds):
        """What the promise, an expression, is fulfilled with."""
        self.socket.settimeout(seconds + 30)
        self.command("WebDriver:SetTimeouts", {"script": int(seconds * 1000)})
        script = f"const done = arguments[arguments.length - 1]; {promise}.then(done, (error) => done({{ error: String(error) }}))"
        return self.command("WebDriver:ExecuteAsyncScript", {"script": script, "args": []})["value"]

    def close(self):
        self.process.terminate()
        self.process.wait()
