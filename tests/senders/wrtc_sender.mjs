// @roamhq/wrtc (libwebrtc): usage: wrtc_sender.mjs WHIP_URL SECONDS
import wrtc from '@roamhq/wrtc';
import { pause, versionOf, whip } from './rtp.mjs';

const [WIDTH, HEIGHT, RATE] = [640, 360, 25];
const [url, seconds] = [process.argv[2], Number(process.argv[3])];
const version = versionOf('@roamhq/wrtc');
const { RTCAudioSource, RTCVideoSource } = wrtc.nonstandard;
const pictures = new RTCVideoSource(), sounds = new RTCAudioSource();
const peer = new wrtc.RTCPeerConnection();
const stream = new wrtc.MediaStream([pictures.createTrack(), sounds.createTrack()]);
for (const track of stream.getTracks()) peer.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
await peer.setLocalDescription(await peer.createOffer());
const { answer, session } = await whip(url, peer.localDescription.sdp);
await peer.setRemoteDescription({ type: 'answer', sdp: answer });
while (peer.connectionState !== 'connected') await pause(20);

// Sound in pieces of 10 ms and pictures, each when it is due.
const began = performance.now();
let piece = 0;
for (let frame = 0; frame < seconds * RATE; frame += 1) {
  const due = frame / RATE;
  for (; piece / 100 <= due; piece += 1) {
    const samples = new Int16Array(480);
    if (piece % 100 < 6) for (let i = 0; i < 480; i += 1) samples[i] = 12000 * Math.sin((2 * Math.PI * 1000 * i) / 48000);
    sounds.onData({ samples, sampleRate: 48000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 });
  }
  const data = new Uint8ClampedArray(WIDTH * HEIGHT * 1.5).fill(128);
  data.fill(due % 1 < 0.1 ? 235 : 70 + (frame % 20), 0, WIDTH * HEIGHT);
  pictures.onFrame({ width: WIDTH, height: HEIGHT, data });
  await pause(Math.max(0, began + ((frame + 1) * 1000) / RATE - performance.now()));
}
await pause(500);
const outbound = [...(await peer.getStats()).values()].filter((one) => one.type === 'outbound-rtp' && one.kind === 'video');
await fetch(session, { method: 'DELETE' });
peer.close();
console.log(JSON.stringify({ version, frames: { '': outbound.reduce((sum, one) => sum + (one.framesEncoded ?? 0), 0) } }));
process.exit(0);
