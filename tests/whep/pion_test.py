"""rtpx record --whep from Pion, plain and through a relay that loses 5 % both ways: pion_test.py PATH_TO_RTPX PATH_TO_PION"""
import http.server
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "senders"))
import measure  # noqa: E402
import rtp_source  # noqa: E402
from relay import Relay  # noqa: E402

RTPX, PION, SECONDS = sys.argv[1], sys.argv[2], 8


class Front:
    """WHEP before Pion's, with the relay's address in its answers."""

    def __init__(self, inner, relay):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with urllib.request.urlopen(urllib.request.Request(inner, body, {"Content-Type": "application/sdp"})) as answer:
                    text = relay.answer(answer.read().decode()).encode()
                self.send_response(201)
                self.send_header("Content-Type", "application/sdp")
                self.send_header("Location", inner.replace("/whep", "/session"))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/whep"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def record(loss):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-pion-"))
    pion = subprocess.Popen([PION, "whep"], stdout=subprocess.PIPE, text=True)
    relay = Relay(0)
    front = Front(json.loads(pion.stdout.readline())["url"], relay)
    recorder = subprocess.Popen([RTPX, "record", "--whep", front.url, "-o", folder / "call", "--json"], stdout=subprocess.PIPE, text=True)
    ports = json.loads(pion.stdout.readline())
    source = rtp_source.start("VP8", ports["video"], ports["audio"])
    try:
        time.sleep(3)
        relay.loss = loss
        time.sleep(SECONDS)
        relay.loss = 0
        time.sleep(1)
        recorder.send_signal(signal.SIGINT)
        result = json.loads(recorder.communicate(timeout=60)[0])
        sent = json.loads(pion.stdout.readline())
        subprocess.run([RTPX, "convert", folder / "call", "-o", folder / "videos"], check=False, stdout=subprocess.DEVNULL)
        [file] = (folder / "videos").glob("*.webm")
        report = json.loads(subprocess.run([RTPX, "inspect", folder / "call", "--json"], capture_output=True, text=True).stdout)
        video = next(track for track in report["tracks"] if track["kind"] == "video")
        offset = measure.offset_ms(str(file))
        print(f"Pion, loss {loss:.0%}: {video['frames']} of {sent['frames']['']} frames, {relay.lost_back} datagrams lost, "
              f"{video['lost']['after_repair']} packets of video stayed lost, beep after flash by {offset} ms, ended {result['ended']}")
        assert video["lost"]["after_repair"] == 0 and abs(offset) <= 20
        assert video["frames"] >= sent["frames"][""] - 5, (video["frames"], sent)
    finally:
        for one in (source, recorder, pion):
            one.kill()
            one.wait()
        front.http.shutdown()
        relay.close()
        shutil.rmtree(folder, ignore_errors=True)


for share in (0, 0.05):
    record(share)
