"""A WHEP server made of aiortc: plays numbered pictures, and a beep with each flash, to whoever asks.

Each connection counts what it sent, as the truth that a recording is compared with.
"""
import asyncio
import fractions
import http.server
import threading
import time

import av
import numpy
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

WIDTH, HEIGHT, RATE = 320, 240, 25
BITS = 12          # of a picture's number, in a row of blocks along its top, the highest first
BEEP_SECONDS = 0.1
AUDIO_RATE = 48000
AUDIO_FRAME = 960


def picture(number, flash):
    """The picture of this number: its bits as blocks, below it grey, or white when it flashes."""
    pixels = numpy.full((HEIGHT, WIDTH), 235 if flash else 60 + number % 50, numpy.uint8)
    block = WIDTH // BITS
    for bit in range(BITS):
        pixels[:40, bit * block:(bit + 1) * block] = 235 if number >> (BITS - 1 - bit) & 1 else 16
    return pixels


class Clock:
    """When the media of one connection began."""

    def __init__(self):
        self.start = None

    async def wait_until(self, seconds):
        if self.start is None:
            self.start = time.monotonic()
        await asyncio.sleep(max(0, self.start + seconds - time.monotonic()))


class Pictures(MediaStreamTrack):
    kind = "video"

    def __init__(self, clock, first):
        super().__init__()
        self.clock, self.first, self.sent = clock, first, 0

    async def recv(self):
        number = self.first + self.sent
        await self.clock.wait_until(self.sent / RATE)
        frame = av.VideoFrame.from_ndarray(numpy.vstack([
            picture(number, self.sent % RATE == 0), numpy.full((HEIGHT // 2, WIDTH), 128, numpy.uint8)]), "yuv420p")
        frame.pts, frame.time_base = self.sent * 90000 // RATE, fractions.Fraction(1, 90000)
        self.sent += 1
        return frame


class Beeps(MediaStreamTrack):
    kind = "audio"

    def __init__(self, clock):
        super().__init__()
        self.clock, self.sent = clock, 0

    async def recv(self):
        at = self.sent * AUDIO_FRAME
        await self.clock.wait_until(at / AUDIO_RATE)
        seconds = (at + numpy.arange(AUDIO_FRAME)) / AUDIO_RATE
        sound = numpy.where(seconds % 1 < BEEP_SECONDS, 12000 * numpy.sin(2 * numpy.pi * 1000 * seconds), 0)
        frame = av.AudioFrame.from_ndarray(sound.astype(numpy.int16).reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, at, fractions.Fraction(1, AUDIO_RATE)
        self.sent += 1
        return frame


class WhepServer:
    """url; connections: those there were, each with .pictures.sent and .beeps.sent. `change_answer` may alter the SDP;
    `before` may answer a POST instead: a function of the handler, True when it did. `change_offer` is what the peer
    hears of an offer. `counter_offers`: it refuses each offer with one of its own (draft-ietf-wish-whep-04), whose answer PATCH
    brings: `answers` are those, `tokens` what came with them."""

    def __init__(self, change_answer=lambda sdp: sdp, before=lambda handler: False, codec=None, change_offer=lambda sdp: sdp, counter_offers=False):
        self.change_answer, self.before, self.codec, self.change_offer = change_answer, before, codec, change_offer
        self.connections, self.deleted, self.offers, self.answers, self.tokens = [], [], [], [], []
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if server.before(self):
                    return
                server.offers.append(body.decode())
                if counter_offers:
                    self.answer(406, server.wait(server.offer()).encode(), {"Content-Type": "application/sdp", "Location": f"/session/{len(server.connections) - 1}"})
                    return
                answer = server.wait(server.play(body.decode()))
                self.answer(201, answer.encode(), {"Content-Type": "application/sdp",
                                                   "Location": f"/session/{len(server.connections) - 1}"})

            def do_PATCH(self):
                answer = self.rfile.read(int(self.headers["Content-Length"])).decode()
                server.answers.append((self.path, self.headers["Content-Type"], answer))
                server.tokens.append(self.headers["Authorization"])
                server.wait(server.connections[int(self.path.rsplit("/", 1)[1])].setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer")))
                self.answer(204)

            def do_DELETE(self):
                server.deleted.append(self.path)
                number = int(self.path.rsplit("/", 1)[1])
                if number < len(server.connections):
                    server.wait(server.connections[number].close())
                self.answer(200)

            def answer(self, status, body=b"", headers={}):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/whep"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def wait(self, work, seconds=30):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def connection(self):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        clock = Clock()
        peer.pictures = Pictures(clock, first=1000 * len(self.connections))
        peer.beeps = Beeps(clock)
        self.connections.append(peer)
        return peer

    async def offer(self):
        peer = self.connection()
        for track in (peer.pictures, peer.beeps):
            peer.addTransceiver(track, direction="sendonly")
        await peer.setLocalDescription(await peer.createOffer())
        return peer.localDescription.sdp

    async def play(self, offer):
        peer = self.connection()
        await peer.setRemoteDescription(RTCSessionDescription(sdp=self.change_offer(offer), type="offer"))
        for transceiver in peer.getTransceivers():
            transceiver.sender.replaceTrack(peer.pictures if transceiver.kind == "video" else peer.beeps)
            transceiver.direction = "sendonly"
            if transceiver.kind == "video" and self.codec:
                transceiver.setCodecPreferences([c for c in transceiver._codecs if c.mimeType.lower() == self.codec] )
        await peer.setLocalDescription(await peer.createAnswer())
        return self.change_answer(peer.localDescription.sdp)

    def close_connection(self, number):
        self.wait(self.connections[number].close())

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        for connection in self.connections:
            self.wait(connection.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
