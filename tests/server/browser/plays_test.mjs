// Every converted file plays in headless Chromium with the right duration, and seeks:
// node plays_test.mjs RECORDINGS-FOLDER. Converts each recording of the folder that Chromium can decode first.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { launch, serveFiles } from './browser.mjs';

const captures = process.argv[2];
const out = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-plays-'));

/** Ways to convert; the others hold pictures in the place of what is lost. */
const WAYS = { plain: [], frozen: ['--incomplete', 'freeze'], filled: ['--gaps', 'fill', '--incomplete', 'drop'] };

/** A copy of `recording` whose pictures lack a packet here and there, and half a second of them. */
function withLosses(recording) {
  const copy = path.join(out, 'lossy', path.basename(recording));
  fs.cpSync(recording, copy, { recursive: true });
  for (const name of fs.readdirSync(copy).filter((file) => /^video.*\.rtpx$/.test(file))) {
    const whole = fs.readFileSync(path.join(recording, name));
    const kept = [];
    for (let at = 0, number = 0, next; at < whole.length; at = next, number += 1) {
      next = at + 13 + whole.readUInt32BE(at + 9);
      const lost = (number > 500 && number % 90 === 0) || (number > 700 && number < 760);
      if (!lost) kept.push(whole.subarray(at, next));
    }
    fs.writeFileSync(path.join(copy, name), Buffer.concat(kept));
  }
  return copy;
}

/** Converts `recording`; the files of its result manifest. Status 1 is a conversion with losses. */
function convert(recording, way) {
  const folder = path.join(out, way, path.basename(recording));
  let result;
  try {
    result = execFileSync(process.env.RTPX, ['convert', recording, '-o', folder, '--json', ...WAYS[way]], { stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    if (error.status !== 1) throw error;
    result = error.stdout;
  }
  return Object.values(JSON.parse(result));
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

const server = await serveFiles(out);
const browser = await launch();
let files = 0;
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  for (const name of fs.readdirSync(captures).sort()) {
    const recording = path.join(captures, name);
    if (!fs.existsSync(path.join(recording, 'manifest.json'))) continue;
    const ways = /^(vp8|vp9|av1)_opus$/.test(name) ? Object.keys(WAYS) : ['plain'];
    const converted = ways.flatMap((way) => convert(way === 'plain' ? recording : withLosses(recording), way)
      .map((file) => ({ way, ...file })));
    for (const { way, location, report_location: report, duration_ms: duration } of converted) {
      if (!/\.(webm|mkv|mp4)$/.test(location) || duration === 0) continue;
      if (/g722|edge_h264/.test(name)) continue; // Chromium has no G.722
      if (way !== 'plain') {
        const { tracks } = JSON.parse(fs.readFileSync(report, 'utf8'));
        assert.ok(tracks.find((track) => track.kind === 'video').filled_frames > 0, `${way} ${name} holds pictures`);
      }
      const url = `/${way}/${encodeURIComponent(name)}/${encodeURIComponent(path.basename(location))}`;
      const seen = await Promise.race([
        page.evaluate(play, url),
        new Promise((_, reject) => { setTimeout(() => reject(new Error(`${url}: no answer in 20 s`)), 20000); }),
      ]);
      assert.ok(Math.abs(seen.duration * 1000 - duration) < 60, `${url}: ${seen.duration} s, not ${duration} ms`);
      assert.ok(seen.after >= seen.before, `${url} plays after a seek`);
      console.log(`${way} ${name}/${path.basename(location)}: ${seen.duration.toFixed(3)} s, ${seen.width} wide`);
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
