#!/usr/bin/env python3
"""A WHIP server in aiortc that records every track as it came, and converts a recording when its sender has gone.

    python3 aiortc_server.py [--port 8080] [--recordings DIR]        needs python3-aiortc, which brings aiohttp's friends
    publish to http://localhost:8080/whip (OBS 30, GStreamer's whipclientsink, `rtpx serve`'s page as a template)
"""

import argparse
import asyncio

import rtpx
from aiohttp import web
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from rtpx.aiortc import record_peer


async def whip(request: web.Request) -> web.Response:
    offer = RTCSessionDescription(sdp=await request.text(), type="offer")
    pc = RTCPeerConnection()
    sink = MediaBlackhole()  # what nobody reads would pile up in aiortc

    @pc.on("track")
    def on_track(track):
        sink.addTrack(track)

    await pc.setRemoteDescription(offer)
    await pc.setLocalDescription(await pc.createAnswer())
    recorder = rtpx.Recorder(base_dir=request.app["recordings"])
    record_peer(recorder, pc)
    await sink.start()

    @pc.on("connectionstatechange")
    async def on_change():
        if pc.connectionState in ("closed", "failed"):
            await pc.close()
            folder = recorder.folder
            await asyncio.to_thread(recorder.close)
            result = await asyncio.to_thread(rtpx.convert, folder, folder + "/videos")
            print("\n".join(file["location"] for file in result.files.values()), flush=True)

    print("recording into", recorder.folder, flush=True)
    return web.Response(status=201, text=pc.localDescription.sdp, content_type="application/sdp", headers={"Location": "/"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--recordings", default="recordings")
    arguments = parser.parse_args()
    app = web.Application()
    app["recordings"] = arguments.recordings
    app.router.add_post("/whip", whip)
    web.run_app(app, port=arguments.port)


if __name__ == "__main__":
    main()
