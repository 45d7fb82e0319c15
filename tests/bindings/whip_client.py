"""Publishes pictures for some seconds to a WHIP server with aiortc. usage: whip_client.py URL SECONDS"""
import asyncio
import sys
import urllib.request

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack


async def main(url, seconds):
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTrack(VideoStreamTrack())
    await peer.setLocalDescription(await peer.createOffer())
    request = urllib.request.Request(url, peer.localDescription.sdp.encode(), {"Content-Type": "application/sdp"})
    with await asyncio.to_thread(urllib.request.urlopen, request) as answer:
        await peer.setRemoteDescription(RTCSessionDescription(sdp=answer.read().decode(), type="answer"))
    while peer.connectionState != "connected":
        await asyncio.sleep(0.1)
    await asyncio.sleep(seconds)
    await peer.close()


asyncio.run(asyncio.wait_for(main(sys.argv[1], float(sys.argv[2])), 60))
