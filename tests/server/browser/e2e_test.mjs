// The page in headless Chromium, end to end: node --test e2e_test.mjs, with RTPX=path of the command.
// Screenshots of the page in its states are kept in $RTPX_SCREENSHOTS.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, recordingOf, serve, sleep, stateOf } from './browser.mjs';
import { flashesAndBeeps, median, useFlashAndBeep } from './flash.mjs';

const codecs = (process.env.RTPX_BROWSER_CODECS ?? 'VP8').split(',');
const screenshots = process.env.RTPX_SCREENSHOTS;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-e2e-'));
let server, url, browser;

before(async () => {
  server = await serve(folder);
  url = server.url;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function openPage(options = {}) {
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 }, ...options });
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && page.errors.push(message.text()));
  await page.goto(url);
  await page.locator('#record').waitFor();
  return page;
}

async function shot(page, name) {
  if (screenshots) await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
}

for (const codec of codecs) {
  test(`${codec} with sound is recorded by the page, converted, and plays there in sync`, async () => {
    const page = await openPage();
    if (codec === codecs[0]) await shot(page, 'empty');
    await useFlashAndBeep(page);
    await page.fill('#name', `flash ${codec}`);
    await page.selectOption('#codec', codec);
    await page.click('#record');
    await page.locator('#record-text', { hasText: 'Stop' }).waitFor();
    const started = Date.now();
    await sleep(9000);
    assert.match(await page.textContent('#bit-rate'), /bit\/s/);
    await shot(page, `recording-${codec}`);
    await page.click('#record');
    await page.getByText('Stopped').waitFor();
    const seconds = (Date.now() - started) / 1000;

    const { id } = await recordingOf(url, `flash ${codec}`);
    const entry = await stateOf(url, id, ['ready', 'failed']);
    assert.equal(entry.state, 'ready', entry.error);
    const [file] = entry.files;
    assert.ok(Math.abs(file.duration_ms / 1000 - seconds) < 2, `${file.duration_ms} ms recorded in about ${seconds} s`);

    const local = path.join(server.recordings, id, 'output', file.name);
    const { flashes, beeps } = flashesAndBeeps(local);
    assert.ok(flashes.length >= 5 && beeps.length >= 5, `${flashes.length} flashes, ${beeps.length} beeps`);
    const errors = flashes.map((flash) => beeps.map((beep) => beep - flash).sort((a, b) => Math.abs(a) - Math.abs(b))[0]);
    const error = median(errors);
    assert.ok(Math.abs(error) < 0.04, `beep minus flash is ${Math.round(error * 1000)} ms`);

    const item = page.locator(`#recording-${id}`);
    await item.getByText('ready').waitFor();
    await item.getByRole('button', { name: 'Play', exact: true }).click();
    await page.waitForFunction((which) => document.querySelector(`#recording-${which} .player video`)?.readyState >= 3, id);
    const seen = await page.evaluate(async (which) => {
      const video = document.querySelector(`#recording-${which} .player video`);
      video.pause();
      video.currentTime = video.duration / 2;
      await new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }));
      const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 });
      canvas.getContext('2d').drawImage(video, 0, 0, 64, 36);
      const [r, g, b] = canvas.getContext('2d').getImageData(5, 5, 1, 1).data;
      return { duration: video.duration, r, g, b };
    }, id);
    assert.ok(Math.abs(seen.duration * 1000 - file.duration_ms) < 100, `${seen.duration} s in the player`);
    const red = seen.r > 150 && seen.g < 80;
    const white = seen.r > 180 && seen.g > 180;
    assert.ok(red || white, `pixel ${JSON.stringify(seen)} is of the pattern`);
    await shot(page, `playing-${codec}`);
    assert.deepEqual(page.errors, []);
    await page.close();
  });
}

test('three simulcast layers become three files', async () => {
  const page = await openPage();
  await page.fill('#name', 'layers');
  await page.check('#simulcast');
  await page.click('#record');
  await page.locator('#record-text', { hasText: 'Stop' }).waitFor();
  await sleep(12000);
  await page.click('#record');
  const { id } = await recordingOf(url, 'layers');
  const entry = await stateOf(url, id, ['ready', 'failed']);
  assert.equal(entry.state, 'ready', entry.error);
  assert.deepEqual(entry.files.map((file) => file.id.split('_').pop()).sort(), ['f', 'h', 'q']);
  await page.close();
});

test('reloading or closing the page, or killing the browser, ends the recording and keeps it', async () => {
  const ways = {
    reload: (page) => page.reload(),
    close: (page) => page.close(),
    kill: async (page) => page.context().browser().close(),
  };
  for (const [name, way] of Object.entries(ways)) {
    const own = name === 'kill' ? await launch() : browser;
    const page = await own.newPage();
    await page.goto(url);
    await page.fill('#name', name);
    await page.click('#record');
    await page.locator('#record-text', { hasText: 'Stop' }).waitFor();
    await sleep(2500);
    await way(page);
    const { id } = await recordingOf(url, name);
    const entry = await stateOf(url, id, ['ready', 'failed']);
    assert.equal(entry.state, 'ready', `${name}: ${entry.error}`);
    assert.ok(entry.duration_ms > 1000, `${name}: ${entry.duration_ms} ms`);
    if (name === 'reload') await page.close();
  }
});

test('two tabs record at once', async () => {
  const pages = await Promise.all([openPage(), openPage()]);
  for (const [index, page] of pages.entries()) {
    await page.fill('#name', `tab ${index}`);
    await page.click('#record');
    await page.locator('#record-text', { hasText: 'Stop' }).waitFor();
  }
  await sleep(3000);
  for (const page of pages) await page.click('#record');
  for (const index of [0, 1]) {
    const { id } = await recordingOf(url, `tab ${index}`);
    assert.equal((await stateOf(url, id, ['ready', 'failed'])).state, 'ready');
  }
  for (const page of pages) await page.close();
});

test('eight browsers record at once, and nothing of theirs is lost', { skip: !process.env.RTPX_SOAK && 'set RTPX_SOAK to run' }, async () => {
  const names = Array.from({ length: 8 }, (_, index) => `browser ${index}`);
  const browsers = await Promise.all(names.map(launch));
  const pages = await Promise.all(browsers.map((own) => own.newPage()));
  for (const [index, page] of pages.entries()) {
    await page.goto(url);
    await page.fill('#name', names[index]);
    await page.click('#record');
    await page.locator('#record-text', { hasText: 'Stop' }).waitFor();
  }
  await sleep(15000);
  const metrics = await (await fetch(new URL('/metrics', url))).text();
  const value = (name) => Number(new RegExp(`^${name}(?:{[^}]*})? (.*)$`, 'm').exec(metrics)[1]);
  assert.equal(value('rtpx_sessions_connected'), 8);
  for (const name of ['rtpx_packets_refused_total', 'rtpx_socket_drops_total', 'rtpx_packets_lost_total']) assert.equal(value(name), 0, name);
  for (const page of pages) await page.click('#record');
  for (const name of names) {
    const { id } = await recordingOf(url, name);
    const entry = await stateOf(url, id, ['ready', 'failed']);
    assert.equal(entry.state, 'ready', entry.error);
    assert.ok(entry.files[0].duration_ms > 14000, `${name}: ${entry.files[0].duration_ms} ms`);
  }
  await Promise.all(browsers.map((own) => own.close()));
});

test('a recording is deleted after a confirmation, by keyboard alone', async () => {
  const page = await openPage();
  const { id } = await recordingOf(url, 'tab 0');
  const item = page.locator(`#recording-${id}`);
  await item.getByRole('button', { name: 'Delete' }).focus();
  await page.keyboard.press('Enter');
  await page.locator('#confirm[open]').waitFor();
  await shot(page, 'confirm');
  await page.keyboard.press('Enter'); // the safe answer has the focus
  assert.equal(await item.count(), 1);
  await item.getByRole('button', { name: 'Delete' }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await item.waitFor({ state: 'detached' });
  assert.equal((await fetch(new URL(`/api/recordings/${id}`, url))).status, 404);
  await page.close();
});

test('the page fits a phone and the dark', async () => {
  const page = await openPage({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  await page.locator('#list li').first().waitFor();
  await shot(page, 'phone-dark');
  assert.equal(wider, false, 'nothing sticks out to the side');
  await page.close();
});
