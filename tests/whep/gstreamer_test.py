#!/usr/bin/python3
"""rtpx record --whep from GStreamer's webrtcbin: gstreamer_test.py PATH_TO_RTPX

Takes 12 s, so it runs with RTPX_SOAK=1 only.
"""
import os
import sys
import threading
import time
import unittest

import numpy
from whep_server import AUDIO_FRAME, AUDIO_RATE, BEEP_SECONDS, HEIGHT, RATE, WIDTH, WhepServer, picture
from whep_test import Media as Comparison
from whep_test import Recording, wait_for

if not os.environ.get("RTPX_SOAK"):
    sys.exit(77)
try:
    import gi
except ImportError:
    sys.exit(77)

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402

Gst.init(None)
PIPELINE = f"""webrtcbin name=peer bundle-policy=max-bundle
  appsrc name=video format=time caps=video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={RATE}/1
    ! vp8enc deadline=1 keyframe-max-dist=50 target-bitrate=600000 ! rtpvp8pay pt=96
    ! application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000 ! peer.
  appsrc name=audio format=time caps=audio/x-raw,format=S16LE,rate={AUDIO_RATE},channels=1,layout=interleaved
    ! opusenc ! rtpopuspay pt=111
    ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate={AUDIO_RATE} ! peer."""


class Sent:
    sent = 0


class Call:
    """What one viewer is played, from the time when it is connected."""

    def __init__(self, first):
        self.first, self.pictures, self.beeps, self.running = first, Sent(), Sent(), True
        self.pipeline = Gst.parse_launch(PIPELINE)
        self.peer = self.pipeline.get_by_name("peer")
        self.pipeline.set_state(Gst.State.PLAYING)

    def ask(self, signal, argument):
        promise = Gst.Promise.new()
        self.peer.emit(signal, argument, promise)
        promise.wait()
        return promise.get_reply()

    def answer(self, offer):
        _, message = GstSdp.SDPMessage.new_from_text(offer)
        self.ask("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, message))
        reply = self.ask("create-answer", None)  # owns the answer
        self.ask("set-local-description", reply.get_value("answer"))
        wait_for(lambda: self.peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE)
        threading.Thread(target=self.play, daemon=True).start()
        return self.peer.get_property("local-description").sdp.as_text()

    def push(self, source, data, at, duration):
        buffer = Gst.Buffer.new_wrapped(data.tobytes())
        buffer.pts, buffer.duration = at, duration
        self.pipeline.get_by_name(source).emit("push-buffer", buffer)

    def play(self):
        wait_for(lambda: self.peer.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.CONNECTED)
        clock = self.pipeline.get_clock()
        start = clock.get_time() - self.pipeline.get_base_time()
        while self.running:
            now = clock.get_time() - self.pipeline.get_base_time() - start
            while self.pictures.sent * Gst.SECOND // RATE <= now:
                shown = picture(self.first + self.pictures.sent, self.pictures.sent % RATE == 0)
                self.push("video", numpy.vstack([shown, numpy.full((HEIGHT // 2, WIDTH), 128, numpy.uint8)]),
                          start + self.pictures.sent * Gst.SECOND // RATE, Gst.SECOND // RATE)
                self.pictures.sent += 1
            while self.beeps.sent * AUDIO_FRAME * Gst.SECOND // AUDIO_RATE <= now:
                seconds = (self.beeps.sent * AUDIO_FRAME + numpy.arange(AUDIO_FRAME)) / AUDIO_RATE
                sound = numpy.where(seconds % 1 < BEEP_SECONDS, 12000 * numpy.sin(2 * numpy.pi * 1000 * seconds), 0)
                self.push("audio", sound.astype(numpy.int16), start + self.beeps.sent * AUDIO_FRAME * Gst.SECOND // AUDIO_RATE,
                          AUDIO_FRAME * Gst.SECOND // AUDIO_RATE)
                self.beeps.sent += 1
            time.sleep(0.005)

    async def close(self):
        self.running = False
        self.pipeline.set_state(Gst.State.NULL)


class GstreamerServer(WhepServer):
    async def play(self, offer):
        call = Call(1000 * len(self.connections))
        self.connections.append(call)
        return self.change_answer(call.answer(self.change_offer(offer)))


class Webrtcbin(Comparison):
    test_a_recording_has_what_the_server_sent_and_goes_on_when_it_comes_back = None
    test_through_a_relay_that_loses_a_twentieth_all_is_repaired = None

    def test_a_recording_has_each_picture_that_was_sent_and_each_beep_at_its_flash(self):
        server = GstreamerServer()
        self.addCleanup(server.close)
        recording = Recording(server.url)
        self.addCleanup(recording.close)
        wait_for(lambda: server.connections and server.connections[0].pictures.sent >= 6 * RATE)
        sent = server.connections[0].pictures.sent
        result = recording.end()
        self.assertEqual((recording.code, result["ended"], result["connections"]), (0, "stopped", 1), recording.errors)
        self.assertEqual(server.deleted, ["/session/0"])
        file = recording.file()
        seen = self.compare(file, 0, sent)
        offsets = self.sync(file, seen)
        print(f"webrtcbin of {Gst.version_string()}: {len(seen)} of {sent} pictures, beeps after flashes by "
              f"{[round(1000 * o) for o in offsets]} ms", end=" ")


if __name__ == "__main__":
    unittest.main(argv=["gstreamer_test"], defaultTest="Webrtcbin", verbosity=2)
