// Somebody watches on the page what another page is recording: live, back to its beginning, live again, and on when it
// has ended. The pictures tell when they were taken. How far behind life it is, is printed; RTPX_MEASURE=1 makes 3 s the
// limit (on an idle machine).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, recordingOf, serve, sleep, stateOf } from './browser.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-watch-'));
const BITS = 16; // of the time, in steps of 50 ms
let server, browser;

before(async () => {
  server = await serve(folder);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** In a page: its camera shows the time of day as black and white fields, its microphone hums. */
async function useClock(bits) {
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    const pen = canvas.getContext('2d');
    setInterval(() => {
      const time = Math.floor(Date.now() / 50);
      for (let bit = 0; bit < bits; bit += 1) {
        pen.fillStyle = (time >> bit) & 1 ? '#fff' : '#000';
        pen.fillRect(160 * (bit % 4), 90 * Math.floor(bit / 4), 160, 90);
      }
    }, 25);
    const audio = new AudioContext();
    const out = audio.createMediaStreamDestination();
    const hum = audio.createOscillator();
    hum.connect(out);
    hum.start();
    const stream = canvas.captureStream(25);
    stream.addTrack(out.stream.getAudioTracks()[0]);
    return stream;
  };
}

/** In a page: how long ago the picture that a player shows was taken, in seconds. */
function age([selector, bits]) {
  const video = document.querySelector(selector);
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
  const pen = canvas.getContext('2d');
  pen.drawImage(video, 0, 0, 640, 360);
  let time = 0;
  for (let bit = 0; bit < bits; bit += 1) {
    const [red] = pen.getImageData(160 * (bit % 4) + 80, 90 * Math.floor(bit / 4) + 45, 1, 1).data;
    if (red > 127) time |= 1 << bit;
  }
  const now = Math.floor(Date.now() / 50) & ((1 << bits) - 1);
  return ((now - time + (1 << bits)) % (1 << bits)) / 20;
}

for (const codec of ['VP8', 'VP9']) {
  test(`${codec} is watched while it is recorded`, async () => {
    const publisher = await browser.newPage();
    await publisher.goto(server.url);
    await publisher.locator('#record').waitFor();
    await publisher.evaluate(useClock, BITS);
    await publisher.fill('#name', `live ${codec}`);
    await publisher.selectOption('#codec', codec);
    await publisher.click('#record');
    await publisher.locator('#record-text', { hasText: 'Stop' }).waitFor();
    const began = Date.now();
    const { id } = await recordingOf(server.url, `live ${codec}`);

    const page = await browser.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(server.url);
    const selector = `#recording-${id} .player video`;
    const item = page.locator(`#recording-${id}`);
    const shown = () => page.evaluate(age, [selector, BITS]);
    const playsOn = async (from) => page.waitForFunction(([which, at]) => {
      const video = document.querySelector(which);
      return video && video.readyState >= 3 && video.currentTime > at;
    }, [selector, from]);

    await sleep(5000); // of the call, before anybody looks
    await item.getByRole('button', { name: 'Watch', exact: true }).click();
    await playsOn(3);
    const behind = [];
    for (let i = 0; i < 8; i += 1) {
      await sleep(500);
      behind.push(await shown());
    }
    console.log(`${codec}: ${behind.map((seconds) => seconds.toFixed(1)).join(', ')} s behind life`);
    if (process.env.RTPX_MEASURE) assert.ok(Math.max(...behind.slice(2)) <= 3, 'more than 3 s behind life');

    // Back to the beginning, by the keyboard.
    await item.getByRole('slider', { name: 'Position' }).press('Home');
    await playsOn(0.2);
    const back = (Date.now() - began) / 1000 - await shown();
    assert.ok(back < 4, `the beginning shows a picture ${back} s after it`);
    await item.getByRole('button', { name: 'Live', exact: true }).click();
    await playsOn(back + 4);
    console.log(`${codec}: ${(await shown()).toFixed(1)} s behind life again`);
    assert.ok(await page.evaluate((which) => document.querySelector(which).currentTime, selector) > 6);

    await publisher.click('#record');
    await publisher.getByText('Stopped').waitFor();
    await stateOf(server.url, id, ['ready', 'failed']);
    // It plays to its end, and from anywhere.
    await page.waitForFunction((which) => document.querySelector(which).ended, selector);
    await item.getByRole('slider', { name: 'Position' }).press('Home');
    await page.evaluate((which) => document.querySelector(which).play(), selector);
    await playsOn(0.5);
    assert.deepEqual(errors, []);
    if (process.env.RTPX_SCREENSHOTS) await page.screenshot({ path: path.join(process.env.RTPX_SCREENSHOTS, `watch-${codec}.png`) });
    await page.close();
    await publisher.close();
  });
}
