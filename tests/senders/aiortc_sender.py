"""usage: aiortc_sender.py WHIP_URL SECONDS"""
import asyncio
import json
import pathlib
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "whep"))
import aiortc  # noqa: E402
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription  # noqa: E402
from whep_server import Beeps, Clock, Pictures  # noqa: E402


async def main(url, seconds):
    peer, clock = RTCPeerConnection(RTCConfiguration(iceServers=[])), Clock()
    pictures, beeps = Pictures(clock, 0), Beeps(clock)
    peer.addTrack(pictures)
    peer.addTrack(beeps)
    await peer.setLocalDescription(await peer.createOffer())
    request = urllib.request.Request(url, peer.localDescription.sdp.encode(), {"Content-Type": "application/sdp"})
    with await asyncio.to_thread(urllib.request.urlopen, request) as answer:
        session = answer.headers["Location"]
        await peer.setRemoteDescription(RTCSessionDescription(sdp=answer.read().decode(), type="answer"))
    while pictures.sent < seconds * 25:
        await asyncio.sleep(0.05)
    sent = pictures.sent
    await asyncio.sleep(0.5)  # what was lost last is asked for again
    request = urllib.request.Request(urllib.parse.urljoin(url, session), method="DELETE")
    await asyncio.to_thread(urllib.request.urlopen, request)
    await peer.close()
    print(json.dumps({"version": aiortc.__version__, "frames": {"": sent}}))


asyncio.run(asyncio.wait_for(main(sys.argv[1], float(sys.argv[2])), 90))
