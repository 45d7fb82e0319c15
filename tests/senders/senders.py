#!/usr/bin/python3
"""Publishes with every sender that there is, and says what was recorded: senders.py PATH_TO_RTPX [--only NAME,…] [--mode
MODE,…] [--seconds N] [--write FILE]. `tools/senders` prepares what it needs.

Each sender shows a flash and a beep each second, plain, in three layers where it can, and through a relay that loses 5 % of
all SRTP datagrams, both ways. What is lost at the very end cannot come again: the relay loses nothing then.
Ends with 1 when something came out wrong, and with 77 when no sender could run.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "whep"))
import measure  # noqa: E402
import rtp_source  # noqa: E402
from relay import Relay  # noqa: E402

LOSS = 0.05
SYNC_MS = 20
BROWSER = HERE.parent / "server" / "browser"
NEWER = os.environ.get("RTPX_NEWER_ROOT")  # a newer Debian's root, with FFmpeg and GStreamer


def command_line(*words):
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()


def outer_address():
    """An address of this machine that is not loopback: some senders use no other. None: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))
            address = one.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


def in_newer(*words):
    """A command of the newer Debian, or of this one where that has what is needed."""
    return ["chroot", NEWER, *words] if NEWER else list(words)


class Sender:
    """What can be published with: `command(url, seconds, layers)`. A sender that takes RTP from outside prints the ports
    for it first; all print {"version", "frames": by rid} at their end."""
    layers = 1          # that it can send at once
    loopback = True     # it uses loopback addresses
    codec = "VP8"       # of the RTP that it is given
    beeps = True        # its sound is the beep

    def __init__(self, name, command, available, **about):
        self.name, self.command, self.available = name, command, available
        for key, value in about.items():
            setattr(self, key, value)


def node(script, *options):
    folder = os.environ.get("RTPX_SENDERS_NODE", HERE)
    return lambda url, seconds, layers: ["node", str(pathlib.Path(folder) / script), url, str(seconds), str(layers), *options]


def has_module(name):
    return lambda: (pathlib.Path(os.environ.get("RTPX_SENDERS_NODE", HERE)) / "node_modules" / name).exists()


def ffmpeg_whip(url, seconds, layers):
    return in_newer("ffmpeg", "-v", "error", "-nostdin", *rtp_source.FFMPEG_INPUTS, "-t", str(seconds), "-map", "0:v", "-map", "1:a",
                    *rtp_source.FFMPEG_CODECS, "-f", "whip", url)


def gstreamer(url, seconds, layers):
    script = HERE / "gstreamer_sender.py"
    if NEWER:
        shutil.copy(script, pathlib.Path(NEWER) / "root" / script.name)
        script = f"/root/{script.name}"
    return in_newer("python3", str(script), url, str(seconds))


SENDERS = [
    Sender("Chromium", lambda url, seconds, layers: ["node", str(BROWSER / "clock_sender.mjs"), url, str(seconds), str(layers)],
           lambda: shutil.which(os.environ.get("CHROMIUM", "chromium")) and (BROWSER / "node_modules").exists(), layers=3),
    Sender("Firefox", lambda url, seconds, layers: [sys.executable, str(HERE / "firefox_sender.py"), url, str(seconds), str(layers)],
           lambda: shutil.which("firefox-esr") and outer_address(), layers=3, loopback=False, beeps=False),
    Sender("FFmpeg -f whip", ffmpeg_whip, lambda: "whip" in command_line(*in_newer("ffmpeg", "-v", "quiet", "-muxers"))),
    Sender("Pion", lambda url, seconds, layers: [os.environ.get("RTPX_PION", ""), url, str(seconds), str(layers)],
           lambda: os.path.exists(os.environ.get("RTPX_PION", "")), layers=3),
    Sender("aiortc", lambda url, seconds, layers: ["/usr/bin/python3", str(HERE / "aiortc_sender.py"), url, str(seconds)],
           lambda: subprocess.run(["/usr/bin/python3", "-c", "import aiortc, numpy"], capture_output=True).returncode == 0),
    Sender("werift", node("werift_sender.mjs"), has_module("werift"), loopback=False),
    Sender("node-datachannel", node("datachannel_sender.mjs"), has_module("node-datachannel"), codec="H264", loopback=False),
    Sender("@roamhq/wrtc", node("wrtc_sender.mjs"), has_module("@roamhq/wrtc")),
    Sender("GStreamer webrtcbin", gstreamer, lambda: subprocess.run(
        in_newer("python3", "-c", "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import GstWebRTC"),
        capture_output=True).returncode == 0 and outer_address(), loopback=False),
]


def free_port(host):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((host, 0))
        return one.getsockname()[1]


class Server:
    """rtpx serve, behind a relay where something shall be lost."""

    def __init__(self, rtpx, folder, host, loss):
        port = free_port(host)
        self.relay = Relay(0, host=host) if loss else None
        if self.relay:
            self.relay.to(host, port)
        advertised = f"{host}:{self.relay.port if self.relay else port}"
        self.log = open(folder / "log.txt", "w")
        self.process = subprocess.Popen(
            [rtpx, "serve", "--listen", "127.0.0.1:0", "--udp-port", str(port), "--udp-listen", host, "--advertise", advertised,
             "--min-free", "1M", "--base-dir", str(folder / "recordings")], stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = self.process.stdout.readline().strip().rstrip("/")
        self.loss = loss

    def get(self, path):
        return json.load(urllib.request.urlopen(self.url + path, timeout=60))

    def lose_for(self, seconds):
        """From now on, and nothing more after that."""
        if not self.relay:
            return
        self.relay.loss = self.loss
        timer = threading.Timer(seconds, lambda: setattr(self.relay, "loss", 0))
        timer.daemon = True
        timer.start()

    def recording(self, seconds=120):
        until = time.time() + seconds
        while time.time() < until:
            found = self.get("/api/recordings")["recordings"]
            if found and found[0]["state"] in ("ready", "failed"):
                return found[0]
            time.sleep(0.2)
        raise TimeoutError("nothing was recorded")

    def repaired(self, kinds):
        """By kind: how many packets were missing on first sight, and how many of these came again, as the log tells."""
        self.log.flush()
        out = {"video": [0, 0], "audio": [0, 0]}
        for line in pathlib.Path(self.log.name).read_text().splitlines():
            found = re.search(r"stream ended: \d+ packets, (\d+) lost, (\d+) came again .*track ([^,)]+)", line)
            if found:
                kind = out[kinds.get(found[3], "video")]
                kind[0] += int(found[1])
                kind[1] += int(found[2])
        return out

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        if self.relay:
            self.relay.close()


def publish(sender, mode, server, seconds):
    """Runs the sender to its end; answers what it says of itself."""
    layers = sender.layers if mode == "simulcast" else 1
    process = subprocess.Popen(sender.command(f"{server.url}/whip?name=clock", seconds, layers), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    source, said = None, {}
    timer = threading.Timer(seconds + 90, process.kill)
    timer.start()
    try:
        if mode == "loss 5 %":
            threading.Thread(target=lose_while_it_flows, args=(server, process, seconds), daemon=True).start()
        for line in process.stdout:
            if not line.startswith("{"):
                continue
            said = json.loads(line)
            if "video" in said and source is None:
                source = rtp_source.start(sender.codec, said["video"], said["audio"])
        errors = process.stderr.read()
        if process.wait() != 0 and not (sender.name.startswith("FFmpeg") and process.returncode > 0 and not errors):
            raise RuntimeError(errors[-600:] or f"it ended with {process.returncode}")
    finally:
        timer.cancel()
        if source:
            source.terminate()
            source.wait()
        if process.poll() is None:
            process.kill()
    return said


def lose_while_it_flows(server, process, seconds):
    """From the first packets on, until two seconds before the end."""
    until = time.time() + 60
    while process.poll() is None and time.time() < until:
        if any(one.get("connected") and one.get("packets", 0) > 50 for one in server.get("/api/sessions")["sessions"]):
            server.lose_for(seconds - 3)
            return
        time.sleep(0.1)


def version_of(sender, said):
    if said.get("version"):
        return said["version"]
    return command_line(*in_newer("ffmpeg", "-version")).split()[2]


def observe(sender, mode, rtpx, seconds):
    """One row of the table."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-senders-"))
    host = "127.0.0.1" if sender.loopback else outer_address()
    server = Server(rtpx, folder, host, LOSS if mode == "loss 5 %" else 0)
    row = {"sender": sender.name, "mode": mode, "wrong": []}
    try:
        said = publish(sender, mode, server, seconds)
        entry = server.recording()
        row["version"] = version_of(sender, said)
        if entry["state"] != "ready":
            raise RuntimeError(f"not converted: {entry.get('error')}")
        reports = [server.get(file["report_url"]) for file in entry["files"]]
        tracks = {}
        for report in reports:
            for track in report["tracks"]:
                tracks[(track["kind"], track.get("rid") or "")] = track
        pictures = {rid: track for (kind, rid), track in tracks.items() if kind == "video"}
        sent = said.get("frames", {})
        row["layers"] = len(pictures)
        row["frames"] = {rid: (track["frames"], sent.get(rid)) for rid, track in pictures.items()}
        kinds = {track["id"]: track["kind"] for track in entry["tracks"]}
        row["repaired"] = server.repaired(kinds)
        row["unrepaired"] = {key: track["lost"]["after_repair"] for key, track in tracks.items()}
        [best] = [file for file in entry["files"] if file["name"] == entry["files"][0]["name"]]
        outputs = folder / "recordings" / entry["id"] / "output"
        row["offset"] = measure.offset_ms(str(outputs / best["name"]))
        judge(sender, mode, row, sent, tracks)
    except Exception as error:  # a sender that does not run is a row too
        row["wrong"].append(str(error).strip().replace("\n", " ")[-300:])
    finally:
        server.stop()
        if row["wrong"] and os.environ.get("RTPX_SENDERS_KEEP"):
            print("kept:", folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return row


def judge(sender, mode, row, sent, tracks):
    wrong = row["wrong"]
    expected = sender.layers if mode == "simulcast" else 1
    if row["layers"] != expected:
        wrong.append(f"{row['layers']} layers, not {expected}")
    for rid, (recorded, told) in row["frames"].items():
        if told and recorded < told - max(5, told // 20):
            wrong.append(f"{recorded} of {told} frames{' of ' + rid if rid else ''}")
    if not any(kind == "audio" for kind, _ in tracks):
        wrong.append("no sound")
    if not sender.beeps:
        row["offset"] = None
    elif row["offset"] is None:
        wrong.append("no flashes with beeps")
    elif abs(row["offset"]) > SYNC_MS:
        wrong.append(f"the beep is {row['offset']} ms after the flash")
    lost_pictures = sum(lost for (kind, _), lost in row["unrepaired"].items() if kind == "video")
    if lost_pictures:
        wrong.append(f"{lost_pictures} packets of video stayed lost")
    if mode == "loss 5 %" and sum(lost for lost, _ in row["repaired"].values()) < 5:
        wrong.append("hardly anything was lost")


def text_of(row):
    if "layers" not in row:
        return [row["sender"], row.get("version", ""), row["mode"], "", "", "", "", "; ".join(row["wrong"])]
    frames = ", ".join(f"{rid + ' ' if rid else ''}{recorded}{f'/{told}' if told else ''}" for rid, (recorded, told) in sorted(row["frames"].items()))
    repaired = ", ".join(f"{kind} {again} of {lost}" for kind, (lost, again) in row["repaired"].items() if lost)
    return [row["sender"], row["version"], row["mode"], str(row["layers"]), frames,
            "" if row["offset"] is None else f"{row['offset']:+d} ms", repaired, "; ".join(row["wrong"]) or "right"]


HEAD = ["Sender", "Version", "How", "Layers", "Frames recorded/sent", "Beep after flash", "Repaired packets", ""]


def table(rows):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    return "\n".join(lines + ["| " + " | ".join(cell.replace("|", "/") for cell in text_of(row)) + " |" for row in rows])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("rtpx")
    arguments.add_argument("--only", default="")
    arguments.add_argument("--mode", default="plain,simulcast,loss 5 %")
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--write", help="put the table between the marks of this file")
    given = arguments.parse_args()
    rows = []
    for sender in SENDERS:
        if given.only and sender.name not in given.only.split(","):
            continue
        if not sender.available():
            print(f"{sender.name}: cannot run here")
            continue
        for mode in given.mode.split(","):
            if mode == "simulcast" and sender.layers == 1:
                continue
            rows.append(observe(sender, mode, os.path.realpath(given.rtpx), given.seconds))
            print(" | ".join(text_of(rows[-1])), flush=True)
    if not rows:
        sys.exit(77)
    print("\n" + table(rows))
    if given.write:
        begin, end = "<!-- table -->", "<!-- end of table -->"
        path = pathlib.Path(given.write)
        text = path.read_text()
        head, rest = text.split(begin)
        when = f"{time.strftime('%d %b %Y')}, commit {command_line('git', '-C', str(HERE), 'rev-parse', '--short', 'HEAD')}"
        path.write_text(f"{head}{begin}\nRun on {when}.\n\n{table(rows)}\n{end}{rest.split(end)[1]}")
    sys.exit(1 if any(row["wrong"] for row in rows) else 0)


if __name__ == "__main__":
    main()
