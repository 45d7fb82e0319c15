// Every converted file plays in headless Chromium with the right duration, and seeks:
// node plays_test.mjs RECORDINGS-FOLDER. Converts each recording of the folder that Chromium can decode first.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { launch } from './browser.mjs';

const captures = process.argv[2];
const out = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-plays-'));

/** Converts `recording`; the files of its result manifest. Status 1 is a conversion with losses. */
function convert(recording) {
  const folder = path.join(out, path.basename(recording));
  let result;
  try {
    result = execFileSync(process.env.RTPX, ['convert', recording, '-o', folder, '--json'], { stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    if (error.status !== 1) throw error;
    result = error.stdout;
  }
  return Object.values(JSON.parse(result));
}

/** A file server with ranges: Chromium seeks only where the server can. */
function serveFiles() {
  const server = http.createServer((request, response) => {
    const file = path.join(out, path.normalize(decodeURIComponent(request.url)));
    if (request.url === '/') return response.end('<!doctype html><video muted></video>');
    if (!fs.existsSync(file)) return response.writeHead(404).end();
    const { size } = fs.statSync(file);
    const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
    const first = Number(from ?? 0);
    const last = to ? Number(to) : size - 1;
    response.writeHead(from === undefined ? 200 : 206, {
      'Content-Length': last - first + 1, 'Accept-Ranges': 'bytes', 'Content-Range': `bytes ${first}-${last}/${size}`,
    });
    fs.createReadStream(file, { start: first, end: last }).pipe(response);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Loads, plays a little from the middle, seeks near the end; what a person would do. */
const play = (url) => new Promise((resolve, reject) => {
  const video = document.querySelector('video');
  const once = (name) => new Promise((done) => video.addEventListener(name, done, { once: true }));
  video.onerror = () => reject(new Error(`${url}: ${video.error?.message}`));
  (async () => {
    video.src = url;
    await once('loadedmetadata');
    const { duration } = video;
    for (const part of [0.5, 0.9]) {
      video.currentTime = duration * part;
      await once('seeked');
    }
    const before = video.currentTime;
    await video.play();
    await once('timeupdate');
    video.pause();
    resolve({ duration, before, after: video.currentTime, width: video.videoWidth });
  })().catch(reject);
});

const server = await serveFiles();
const browser = await launch();
let files = 0;
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  for (const name of fs.readdirSync(captures).sort()) {
    const recording = path.join(captures, name);
    if (!fs.existsSync(path.join(recording, 'manifest.json'))) continue;
    for (const { location, duration_ms: duration } of convert(recording)) {
      if (!/\.(webm|mkv|mp4)$/.test(location) || duration === 0) continue;
      if (/g722|edge_h264/.test(name)) continue; // Chromium has no G.722
      const url = `/${encodeURIComponent(name)}/${encodeURIComponent(path.basename(location))}`;
      const seen = await Promise.race([
        page.evaluate(play, url),
        new Promise((_, reject) => { setTimeout(() => reject(new Error(`${url}: no answer in 20 s`)), 20000); }),
      ]);
      assert.ok(Math.abs(seen.duration * 1000 - duration) < 60, `${url}: ${seen.duration} s, not ${duration} ms`);
      assert.ok(seen.after >= seen.before, `${url} plays after a seek`);
      console.log(`${name}/${path.basename(location)}: ${seen.duration.toFixed(3)} s, ${seen.width} wide`);
      files += 1;
    }
  }
} finally {
  await browser.close();
  server.close();
  fs.rmSync(out, { recursive: true, force: true });
}
assert.ok(files > 0, 'something was played');
console.log(`${files} files play and seek`);
process.exit(0);
