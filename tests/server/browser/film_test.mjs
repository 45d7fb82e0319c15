// Three pages in one recording, one of them with a screen, one late, all of them cut off for a while: watched as one film
// meanwhile, and made one film afterwards, which Chromium plays. node --test film_test.mjs, with RTPX=path.
// RTPX_SCREENSHOTS=DIR keeps the page, and a contact sheet of the film.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, recordingOf, serve, serveFiles, sleep, stateOf } from './browser.mjs';
import { clockStream, flashesAndBeeps, median, useFlashAndBeep } from './flash.mjs';
import { relay } from './relay.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-film-'));
const udpPort = 40_000 + (process.pid % 9_000);
const pictures = process.env.RTPX_SCREENSHOTS;
let network, server, browser;

before(async () => {
  network = await relay();
  network.to(udpPort);
  server = await serve(folder, { udpPort, options: ['--advertise', `127.0.0.1:${network.port}`, '--linger', '3'] });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  network?.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function join(name, source = 'camera') {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${server.url}?together=film`);
  await page.locator('#record').waitFor();
  await useFlashAndBeep(page, { width: 320, height: 180 });
  await page.evaluate(`navigator.mediaDevices.getDisplayMedia = () => (${clockStream})({ width: 640, height: 360 }); undefined`);
  await page.check(`input[name="source"][value="${source}"]`);
  await page.fill('#name', name);
  await page.click('#record');
  await page.locator('#record-text', { hasText: 'Stop' }).waitFor({ timeout: 90_000 });
  return page;
}

/** In a page: whether a video shows the flashing red of the clocks in its left and its right half. */
const redHalves = (video) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 });
  const pen = canvas.getContext('2d');
  pen.drawImage(video, 0, 0, 64, 36);
  return [16, 48].map((x) => {
    const [red, green] = pen.getImageData(x, 18, 1, 1).data;
    return red > 120 || green > 120;
  });
};

test('a room is watched as one film while it is recorded, and is one film afterwards', async () => {
  const pages = [await join('Alice'), await join('Bob', 'screen')];
  const { id } = await recordingOf(server.url, 'film');

  const viewer = await browser.newPage({ viewport: { width: 1000, height: 900 } });
  const errors = [];
  viewer.on('pageerror', (error) => errors.push(error.message));
  await viewer.goto(server.url);
  await viewer.getByRole('button', { name: 'Watch as one film' }).click();
  const video = viewer.locator('.player video');
  await video.waitFor({ timeout: 60_000 });
  await viewer.waitForFunction(() => document.querySelector('.player video').currentTime > 0 && document.querySelector('.player video').readyState >= 3, null, { timeout: 90_000 });
  pages.push(await join('Carol'));
  const from = await video.evaluate((one) => one.currentTime);
  await viewer.waitForFunction((then) => document.querySelector('.player video').currentTime > then + 6, from, { timeout: 90_000 });
  assert.deepEqual(await video.evaluate(redHalves), [true, true]);
  if (pictures) await viewer.locator('.player').screenshot({ path: path.join(pictures, 'watched-as-one-film.png') });

  network.loss = 1;
  await sleep(3000);
  network.loss = 0;
  await sleep(8000);
  for (const page of pages) {
    await page.click('#record');
    await page.getByText('You have left').waitFor({ timeout: 60_000 });
  }
  const entry = await stateOf(server.url, id, ['ready', 'failed']);
  assert.equal(entry.state, 'ready', entry.error);
  for (let looks = 0; looks < 600 && entry.live_film?.state !== 'ended'; looks += 1) {
    await sleep(200);
    Object.assign(entry, await (await fetch(new URL(`/api/recordings/${id}`, server.url))).json());
  }
  assert.deepEqual([entry.live_film.state, entry.live_film.error], ['ended', undefined]);
  await viewer.waitForFunction(() => document.querySelector('.player video').ended, null, { timeout: 60_000 });
  assert.deepEqual(errors, []);

  const film = path.join(folder, 'film.mp4');
  const composed = spawnSync(process.env.RTPX, ['compose', path.join(server.recordings, id), '-o', film, '--clock', 'UTC', '--json'], { encoding: 'utf8' });
  assert.equal(composed.status, 1, `what was cut off is lost: ${composed.stderr}`);
  const made = JSON.parse(composed.stdout);
  assert.equal(made.participants, 3);
  if (pictures) execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', film, '-vf', 'fps=1/2,scale=320:-1,tile=5x5', '-frames:v', '1', path.join(pictures, 'film.png')]);
  const { flashes, beeps } = flashesAndBeeps(film, 0);
  const lips = median(flashes.map((flash) => beeps.map((beep) => beep - flash).sort((a, b) => Math.abs(a) - Math.abs(b))[0]));
  assert.ok(flashes.length >= 5 && Math.abs(lips) < 0.05, `${flashes.length} flashes, beeps ${Math.round(lips * 1000)} ms after them`);

  const files = await serveFiles(folder);
  const player = await browser.newPage();
  await player.goto(`http://127.0.0.1:${files.address().port}/`);
  const played = await player.evaluate(async () => {
    const one = document.querySelector('video');
    one.src = '/film.mp4';
    await new Promise((resolve, reject) => { one.oncanplay = resolve; one.onerror = () => reject(new Error(one.error.message)); });
    one.playbackRate = 4;
    await one.play();
    await new Promise((resolve) => { one.onended = resolve; });
    return { duration: one.duration, width: one.videoWidth };
  });
  files.close();
  assert.equal(played.width, 1280);
  assert.ok(Math.abs(played.duration - made.duration_ms / 1000) < 0.2, `${played.duration} s`);
});
