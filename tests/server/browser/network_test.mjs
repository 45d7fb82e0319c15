// A bad network between headless Chromium and the server: node --test network_test.mjs, with RTPX=path of the command.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, recordingOf, serve, sleep, stateOf } from './browser.mjs';
import { relay } from './relay.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-network-'));
let browser;
before(async () => { browser = await launch(); });
after(async () => {
  await browser?.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Any port that is free now. */
const freePort = () => new Promise((resolve) => {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, '127.0.0.1', () => {
    const { port } = socket.address();
    socket.close(() => resolve(port));
  });
});

/** Records by the page through a relay while `during(network, page)` runs; the recording as it stands afterwards. */
async function record(name, during) {
  const network = await relay();
  const udpPort = await freePort();
  network.to(udpPort);
  const server = await serve(path.join(folder, name), { udpPort, options: ['--advertise', `127.0.0.1:${network.port}`] });
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
  try {
    await page.goto(server.url);
    await page.evaluate(() => { // small pictures: a slow machine's encoder must keep up
      const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = ({ audio }) => real({ audio, video: { width: 640, height: 360, frameRate: 20 } });
    });
    await page.fill('#name', name);
    await page.click('#record');
    await page.locator('#record-text', { hasText: 'Stop' }).waitFor();
    await during(network, page);
    await page.click('#record');
    await page.getByText('Stopped').waitFor();
    const { id } = await recordingOf(server.url, name);
    const entry = await stateOf(server.url, id, ['ready', 'failed']);
    assert.equal(entry.state, 'ready', entry.error);
    const report = await (await fetch(new URL(entry.files[0].report_url, server.url))).json();
    return { entry, video: report.tracks.find((track) => track.kind === 'video') };
  } finally {
    await page.close();
    await server.stop();
    network.close();
  }
}

test('with 4 % loss and 50 ms of delay all video is repaired, no frame is lost, and the report says so', async () => {
  const { video } = await record('lossy', async (network) => {
    Object.assign(network, { loss: 0.04, delay: 50 });
    for (let second = 0; second < 60 && (second < 10 || network.lostVideo < 20); ++second) await sleep(1000);
    network.loss = 0; // what was lost last can still come again
    await sleep(1000);
  });
  console.log(`${video.packets} packets, lost ${JSON.stringify(video.lost)}, ${video.frames} frames`);
  assert.ok(video.lost.before_repair > 10, `the network lost ${video.lost.before_repair}`);
  assert.equal(video.lost.after_repair, 0);
  assert.equal(video.dropped_count, 0);
  assert.equal(video.damaged_count, 0);
  assert.ok(video.frames > 100, `${video.frames} frames`);
});

test('after a network cut of 5 s the recording goes on, and the report tells of the gap', async () => {
  const { entry, video } = await record('cut', async (network) => {
    await sleep(3000);
    network.cut = true;
    await sleep(5000);
    network.cut = false;
    await sleep(5000);
  });
  console.log(`${entry.duration_ms} ms, gaps ${JSON.stringify(video.gaps)}`);
  assert.ok(entry.duration_ms > 11000, `${entry.duration_ms} ms`);
  assert.notEqual(entry.tracks[0].end_reason, 'silence');
  // Retransmission gives the end of the cut back.
  const lost = video.gaps.filter((gap) => gap.kind !== 'dtx');
  assert.ok(lost.some((gap) => gap.duration_ms > 500 && gap.duration_ms < 7000), JSON.stringify(video.gaps));
  assert.ok(video.end_ms > 11000, `video goes on to ${video.end_ms} ms`);
});
