"""GStreamer's webrtcbin publishes a flash and a beep each second by WHIP: gstreamer_sender.py WHIP_URL SECONDS"""
import json
import sys
import threading
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

RATE = 25
PIPELINE = """
webrtcbin name=peer bundle-policy=max-bundle
appsrc name=pictures format=time is-live=true do-timestamp=false caps=video/x-raw,format=I420,width=320,height=180,framerate=25/1
 ! queue ! vp8enc deadline=1 keyframe-max-dist=50 target-bitrate=400000 ! rtpvp8pay pt=96
 ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! peer.
appsrc name=sounds format=time is-live=true do-timestamp=false caps=audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved
 ! queue ! audioconvert ! opusenc ! rtpopuspay pt=111
 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! peer.
"""

url, seconds = sys.argv[1], float(sys.argv[2])
Gst.init(None)
pipeline = Gst.parse_launch(PIPELINE)
peer, pictures, sounds = (pipeline.get_by_name(name) for name in ("peer", "pictures", "sounds"))
loop = GLib.MainLoop()
state = {"frames": 0, "session": None, "piece": 0}


def sound(piece):
    """20 ms."""
    import array
    import math
    loud = piece % 50 < 3
    return array.array("h", [int(12000 * math.sin(2 * math.pi * 1000 * i / 48000)) if loud else 0 for i in range(960)]).tobytes()


def push(source, data, at, length):
    buffer = Gst.Buffer.new_wrapped(data)
    buffer.pts, buffer.duration = int(at * Gst.SECOND), int(length * Gst.SECOND)
    source.emit("push-buffer", buffer)


def feed():
    """Every 10 ms: what is due by the pipeline's clock."""
    now = (pipeline.get_clock().get_time() - pipeline.get_base_time()) / Gst.SECOND
    while state["piece"] / 50 <= now:
        push(sounds, sound(state["piece"]), state["piece"] / 50, 0.02)
        state["piece"] += 1
    while state["frames"] / RATE <= now:
        white = state["frames"] % RATE < 3
        luma = bytes([235 if white else 60 + state["frames"] % 20]) * (320 * 180)
        push(pictures, luma + bytes([128]) * (320 * 90), state["frames"] / RATE, 1 / RATE)
        state["frames"] += 1
    if connected.is_set() and now - state["since"] >= seconds:
        loop.quit()
    return True


connected = threading.Event()


def on_state(*_):
    if peer.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.CONNECTED and not connected.is_set():
        state["since"] = (pipeline.get_clock().get_time() - pipeline.get_base_time()) / Gst.SECOND
        state["before"] = state["frames"]
        connected.set()


def on_gathered(*_):
    if peer.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE or state["session"]:
        return
    offer = peer.get_property("local-description").sdp.as_text()
    request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(request) as answer:
        state["session"] = urllib.parse.urljoin(url, answer.headers["Location"])
        text = answer.read()
    _, message = GstSdp.SDPMessage.new()
    GstSdp.sdp_message_parse_buffer(text, message)
    peer.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message), None)


def on_negotiation(_):
    def offered(promise):
        promise.wait()
        reply = promise.get_reply()  # the offer lives as long as this
        peer.emit("set-local-description", reply.get_value("offer"), None)
    peer.emit("create-offer", None, Gst.Promise.new_with_change_func(offered))


peer.connect("on-negotiation-needed", on_negotiation)
peer.connect("notify::ice-gathering-state", lambda *_: GLib.idle_add(on_gathered))
peer.connect("notify::connection-state", lambda *_: GLib.idle_add(on_state))
for i in range(2):
    peer.emit("get-transceiver", i).set_property("do-nack", True)
pipeline.set_state(Gst.State.PLAYING)
GLib.timeout_add(10, feed)
GLib.timeout_add_seconds(int(seconds) + 60, loop.quit)
loop.run()
urllib.request.urlopen(urllib.request.Request(state["session"], method="DELETE"))
pipeline.set_state(Gst.State.NULL)
print(json.dumps({"version": ".".join(map(str, Gst.version()[:3])), "frames": {"": state["frames"] - state.get("before", 0)}}))
