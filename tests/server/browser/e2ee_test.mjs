// Chromium publishes with livekit-client's own worker: recorded, detected, decrypted for the viewer, played.
// node --test e2ee_test.mjs, with RTPX=path of the command.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, recordingOf, serve, stateOf } from './browser.mjs';

const here = path.dirname(new URL(import.meta.url).pathname);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-e2ee-'));
const passphrase = 'a call of our own';
let page_server, origin, server, browser;

/** The publishing page and, as an application would bundle it, livekit-client's worker. */
export function publisherFiles() {
  const files = {
    '/e2ee_publish.html': [path.join(here, 'e2ee_publish.html'), 'text/html'],
    '/e2ee_publish.js': [path.join(here, 'e2ee_publish.js'), 'text/javascript'],
    '/livekit-client.e2ee.worker.js': [path.join(here, 'node_modules/livekit-client/dist/livekit-client.e2ee.worker.js'), 'text/javascript'],
  };
  const made = http.createServer((request, response) => {
    const file = files[new URL(request.url, 'http://x').pathname];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': file[1] });
    return fs.createReadStream(file[0]).pipe(response);
  });
  return new Promise((resolve) => made.listen(0, '127.0.0.1', () => resolve(made)));
}

before(async () => {
  page_server = await publisherFiles();
  origin = `http://127.0.0.1:${page_server.address().port}`;
  server = await serve(folder, { options: ['--origin', origin] });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  page_server?.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

for (const codec of ['VP8', 'H264']) {
  test(`${codec} of a call that the server cannot read is recorded, and plays for who has the key`, async () => {
    const publisher = await browser.newPage();
    const whip = new URL(`/whip?${new URLSearchParams({ name: `sealed ${codec}` })}`, server.url);
    await publisher.goto(`${origin}/e2ee_publish.html?${new URLSearchParams({ whip, passphrase, codec })}`);
    await publisher.waitForFunction(() => /failed|sent \d{3}/.test(document.getElementById('status').textContent), undefined, { timeout: 60000 });
    assert.doesNotMatch(await publisher.textContent('#status'), /failed/);
    await publisher.evaluate(() => window.stop());
    await publisher.close();

    const { id } = await recordingOf(server.url, `sealed ${codec}`);
    const entry = await stateOf(server.url, id, ['failed', 'ready']);
    assert.equal(entry.state, 'failed', 'nothing in it can be read without the key');
    assert.match(entry.encrypted.what, /LiveKit format\), key index 0, from 0:00:0\d\.\d+ on/);

    const page = await browser.newPage();
    await page.goto(server.url);
    const item = page.locator(`#recording-${id}`);
    await item.getByLabel(/Passphrase/).fill('not that one');
    await item.getByRole('button', { name: 'Decrypt and play' }).click();
    await item.getByText(/none of the keys given fits/).waitFor();
    await item.getByLabel(/Passphrase/).fill(passphrase);
    await item.getByRole('button', { name: 'Decrypt and play' }).click();
    await item.getByText(/Decrypted on the server, for you alone/).waitFor();
    await page.waitForFunction((which) => {
      const video = document.querySelector(`#recording-${which} .player video`);
      return video?.readyState >= 3 && video.currentTime > 0.5;
    }, id);
    const { src, width } = await page.evaluate((which) => {
      const video = document.querySelector(`#recording-${which} .player video`);
      return { src: video.src, width: video.videoWidth };
    }, id);
    assert.equal(width, 640);
    const file = path.join(folder, `${codec}.bin`);
    fs.writeFileSync(file, Buffer.from(await (await fetch(src)).arrayBuffer()));
    assert.equal(execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-f', 'null', '-'], { stdio: ['ignore', 'pipe', 'pipe'] }).toString(), '');
    await item.getByRole('button', { name: 'Forget' }).click();
    await item.getByText('Forgotten.').waitFor();
    assert.equal((await fetch(src)).status, 404);

    // Without making files of it first: decrypted while it plays.
    await item.getByLabel(/Passphrase/).fill(passphrase);
    await item.getByRole('button', { name: 'Play at once' }).click();
    await item.getByText(/Decrypted while it plays/).waitFor();
    await page.waitForFunction((which) => {
      const video = document.querySelector(`#recording-${which} .player video`);
      return video?.readyState >= 3 && video.currentTime > 0.5 && video.videoWidth === 640;
    }, id);
    await item.getByRole('button', { name: 'Forget' }).click();
    await item.getByText('Forgotten.').waitFor();
    await page.close();
  });
}
