// RTP of rtp_source.py on two loopback ports, for the senders in this folder.
import dgram from 'node:dgram';
import fs from 'node:fs';

/** Calls for each packet that comes; answers { port, frames() }: how many RTP times there were. */
export async function receive(onPacket) {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  const times = new Set();
  socket.on('message', (packet) => {
    if (packet.length < 12 || (packet[1] >= 200 && packet[1] <= 207)) return;
    if (onPacket(packet) !== false) times.add(packet.readUInt32BE(4));
  });
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { port: socket.address().port, frames: () => times.size, close: () => socket.close() };
}

/** POST of an offer: { answer, session }. */
export async function whip(url, offer) {
  const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: offer });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  return { answer: await response.text(), session: new URL(response.headers.get('Location'), url) };
}

/** Of an npm package beside this file. */
export const versionOf = (name) => JSON.parse(fs.readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;

export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Tells the source's ports, so that it can be started, and after `seconds` what was sent. */
export async function run({ version, video, audio, connected, session, close }, seconds) {
  await connected;
  console.log(JSON.stringify({ video: [video.port], audio: audio.port }));
  while (video.frames() < seconds * 25) await pause(20);
  const frames = video.frames();
  video.close();
  audio.close();
  await pause(500); // what was lost last is asked for again
  await fetch(session, { method: 'DELETE' });
  await close();
  console.log(JSON.stringify({ version, frames: { '': frames } }));
  process.exit(0);
}
