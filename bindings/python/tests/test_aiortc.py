"""An aiortc peer's packets are recorded as another aiortc peer has sent them."""

import asyncio
import os
import tempfile
import unittest

try:
    from aiortc import RTCConfiguration, RTCPeerConnection
    from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
    from rtpx.aiortc import record_peer
except ImportError:
    raise unittest.SkipTest("aiortc is not installed")

import rtpx
from test_rtpx import masked


class AiortcTest(unittest.TestCase):
    def test_every_packet_of_a_peer_is_recorded_as_it_was_sent(self):
        with tempfile.TemporaryDirectory() as folder:
            sent = asyncio.run(asyncio.wait_for(self.call(folder), 120))
            manifest = rtpx.read_manifest(self.recording)
            self.assertEqual(sorted(track["kind"] for track in manifest.values()), ["audio", "video"])
            for track in manifest.values():
                packets = [packet for _rid, packet in masked(track["location"])]
                self.assertGreater(len(packets), 20)
                self.assertTrue(set(packets) <= set(sent))
                self.assertIn(track["codec"]["mime_type"].lower(), ("audio/opus", "video/vp8"))
                self.assertTrue(os.path.getsize(self.recording + "/" + os.path.basename(track["rtcp_location"])) > 0)
            files = rtpx.convert(self.recording, folder + "/videos").files
            self.assertEqual(len(files), 1)

    async def call(self, folder):
        alone = RTCConfiguration(iceServers=[])
        sender, receiver, sent = RTCPeerConnection(alone), RTCPeerConnection(alone), []
        for track in (AudioStreamTrack(), VideoStreamTrack()):
            sender.addTrack(track)
        await sender.setLocalDescription(await sender.createOffer())
        await receiver.setRemoteDescription(sender.localDescription)
        await receiver.setLocalDescription(await receiver.createAnswer())
        with rtpx.Recorder(base_dir=folder) as recorder:
            self.recording = recorder.folder
            record_peer(recorder, receiver)
            transports = {one.sender.transport for one in sender.getTransceivers()}
            for transport in transports:
                send = transport._send_rtp

                async def keep(data, send=send):
                    sent.append(data)
                    await send(data)

                transport._send_rtp = keep
            await sender.setRemoteDescription(receiver.localDescription)
            while not all(
                track["packets"] > 60 and track["rtcp_packets"] > 0 for track in recorder.track_stats
            ):
                await asyncio.sleep(0.1)
            await asyncio.gather(sender.close(), receiver.close())
        return sent


if __name__ == "__main__":
    unittest.main()
