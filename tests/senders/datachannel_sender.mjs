// node-datachannel (libdatachannel), H.264 and Opus: usage: datachannel_sender.mjs WHIP_URL SECONDS
import datachannel from 'node-datachannel';
import { receive, run, versionOf, whip } from './rtp.mjs';

const [url, seconds] = [process.argv[2], Number(process.argv[3])];
const version = versionOf('node-datachannel');
const peer = new datachannel.PeerConnection('sender', { iceServers: [] });
const connected = new Promise((resolve) => { peer.onStateChange((state) => state === 'connected' && resolve()); });

async function sender(description, type, rate, ssrc) {
  description.addSSRC(ssrc, 'clock', 'clock', description.type?.() ?? String(type));
  const track = peer.addTrack(description);
  // Reports name the time of the packet before them, which the configuration has.
  const config = new datachannel.RtpPacketizationConfig(ssrc, 'clock', type, rate);
  const reporter = new datachannel.RtcpSrReporter(config);
  reporter.addToChain(new datachannel.RtcpNackResponder());
  track.setMediaHandler(reporter);
  return receive((packet) => {
    if (!track.isOpen()) return false;
    packet[1] = (packet[1] & 0x80) | type;
    packet.writeUInt32BE(ssrc, 8);
    config.timestamp = packet.readUInt32BE(4);
    return track.sendMessageBinary(packet);
  });
}

const sound = new datachannel.Audio('audio', 'SendOnly');
sound.addOpusCodec(111);
const picture = new datachannel.Video('video', 'SendOnly');
picture.addH264Codec(102);
const audio = await sender(sound, 111, 48000, 1111);
const video = await sender(picture, 102, 90000, 2222);
const gathered = new Promise((resolve) => { peer.onGatheringStateChange((state) => state === 'complete' && resolve()); });
peer.setLocalDescription('offer');
await gathered;
const { answer, session } = await whip(url, peer.localDescription().sdp);
peer.setRemoteDescription(answer, 'answer');
await run({ version, video, audio, connected, session, close: () => { peer.close(); datachannel.cleanup(); } }, seconds);
