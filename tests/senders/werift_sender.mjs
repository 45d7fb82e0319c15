// usage: werift_sender.mjs WHIP_URL SECONDS
import { MediaStreamTrack, RTCPeerConnection, RtpPacket, useNACK, useOPUS, usePLI, useVP8 } from 'werift';
import { receive, run, versionOf, whip } from './rtp.mjs';

const [url, seconds] = [process.argv[2], Number(process.argv[3])];
const version = versionOf('werift');
const peer = new RTCPeerConnection({
  codecs: { video: [useVP8({ rtcpFeedback: [useNACK(), usePLI()] })], audio: [useOPUS()] },
  ...(process.env.RTPX_LOCAL_ADDRESS ? { iceAdditionalHostAddresses: [process.env.RTPX_LOCAL_ADDRESS] } : {}),
});
const sender = async (kind) => {
  const track = new MediaStreamTrack({ kind });
  peer.addTransceiver(track, { direction: 'sendonly' });
  return receive((packet) => {
    if (peer.connectionState !== 'connected') return false;
    return track.writeRtp(RtpPacket.deSerialize(packet));
  });
};
const [audio, video] = [await sender('audio'), await sender('video')];
const connected = new Promise((resolve) => { peer.connectionStateChange.subscribe((state) => state === 'connected' && resolve()); });
await peer.setLocalDescription(await peer.createOffer());
const { answer, session } = await whip(url, peer.localDescription.sdp);
await peer.setRemoteDescription({ type: 'answer', sdp: answer });
await run({ version, video, audio, connected, session, close: () => peer.close() }, seconds);
