// A part of a recording, cut with the two handles of the page's player: it is saved under the recording's name, and in
// the browser its first picture is the asked one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { launch, serve } from './browser.mjs';

const captures = process.env.RTPX_CAPTURES;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-cut-'));
const SIDE = 16; // pictures are compared as SIDE x SIDE greys
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** The recording's pictures as FFmpeg decodes them from its conversion: [seconds, greys]. */
function truth(recording) {
  const out = path.join(folder, 'converted', path.basename(recording));
  const result = execFileSync(process.env.RTPX, ['convert', recording, '-o', out, '--json'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [{ location }] = Object.values(JSON.parse(result));
  const times = String(execFileSync('ffprobe', ['-v', 'error', '-select_streams', 'v:0', '-show_entries', 'frame=pts_time', '-of', 'csv=p=0', location]))
    .split('\n').filter(Boolean).map(Number.parseFloat);
  const raw = execFileSync('ffmpeg', ['-v', 'quiet', '-i', location, '-map', '0:v:0', '-vf', `format=rgb24,scale=${SIDE}:${SIDE}:flags=area`, '-pix_fmt', 'rgb24',
    '-fps_mode', 'passthrough', '-f', 'rawvideo', '-'], { maxBuffer: 1 << 30 });
  return times.map((time, i) => [time, Array.from({ length: SIDE * SIDE }, (_, k) => {
    const at = 3 * (SIDE * SIDE * i + k);
    return 0.299 * raw[at] + 0.587 * raw[at + 1] + 0.114 * raw[at + 2];
  })]);
}

/** In the page: the first picture of a file, before anything is played, and how long it is. */
async function firstPicture([url, side]) {
  const video = Object.assign(document.createElement('video'), { muted: true, preload: 'auto', src: url });
  await new Promise((resolve, reject) => {
    video.onloadeddata = resolve;
    video.onerror = () => reject(new Error(`${url}: ${video.error?.message}`));
  });
  const { videoWidth: wide, videoHeight: high } = video;
  const canvas = Object.assign(document.createElement('canvas'), { width: wide, height: high });
  const pen = canvas.getContext('2d');
  pen.drawImage(video, 0, 0);
  const { data } = pen.getImageData(0, 0, wide, high);
  const grey = Array(side * side).fill(0);
  const pixels = Array(side * side).fill(0);
  for (let i = 0; i < wide * high; i += 1) {
    const at = side * Math.floor((side * Math.floor(i / wide)) / high) + Math.floor((side * (i % wide)) / wide);
    grey[at] += 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
    pixels[at] += 1;
  }
  return { grey: grey.map((sum, i) => sum / pixels[i]), duration: video.duration, at: video.currentTime };
}

/** How unlike two pictures are, whatever brightness and contrast a browser gives them. */
function apart(a, b) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [from, to] = [a, b].map((values) => values.map((value) => value - mean(values)));
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return 1 - dot(from, to) / Math.sqrt(dot(from, from) * dot(to, to) + 1);
}

// Chromium plays VP8 from WebM only; of the others both containers are tried.
for (const [name, kinds] of [['vp8_opus', ['webm']], ['h264_opus', ['mp4']], ['vp9_opus', ['mp4']]]) {
  test(`a cut of ${name} begins with the asked picture`, { skip: !captures && 'set RTPX_CAPTURES' }, async () => {
    const recording = path.join(captures, 'browser', name);
    const pictures = truth(recording);
    const home = path.join(folder, name);
    const id = '20261122-100000';
    fs.cpSync(recording, path.join(home, 'recordings', id), { recursive: true });
    fs.writeFileSync(path.join(home, 'recordings', id, 'recording.json'), JSON.stringify({
      format: { major: 1, minor: 0 }, name: 'Team: Monday', created: '2026-11-22T10:00:00Z', ended_at: '2026-11-22T10:01:00Z', conversion: { state: 'cancelled' } }));
    const server = await serve(home);
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await page.goto(server.url);
      await page.getByRole('button', { name: 'Watch', exact: true }).click();
      await page.getByRole('button', { name: 'Cut', exact: true }).click();
      // By the keyboard alone.
      const from = page.getByRole('slider', { name: 'Start of the cut' });
      await from.press('Home');
      for (let i = 0; i < 3; i += 1) await from.press('ArrowRight');
      for (let i = 0; i < 3; i += 1) await from.press('Shift+ArrowRight');
      const to = page.getByRole('slider', { name: 'End of the cut' });
      await to.press('Home'); // not before the start
      for (let i = 0; i < 2; i += 1) await to.press('ArrowRight');
      assert.equal(await from.getAttribute('aria-valuetext'), '0:03.3');
      assert.equal(await to.getAttribute('aria-valuetext'), '0:05.4');
      for (const kind of kinds) {
        const link = page.getByRole('link', { name: `Save ${kind === 'mp4' ? 'MP4' : 'WebM'}` });
        const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
        assert.match(download.suggestedFilename(), new RegExp(`^Team[-_:] Monday 2026-11-22 10\\.00\\.00 from 3\\.\\d+ to 5\\.\\d+\\.${kind}$`));
        const url = await link.getAttribute('href');
        const asked = Number(new URL(url, server.url).searchParams.get('from'));
        const seen = await page.evaluate(firstPicture, [url, SIDE]);
        assert.equal(seen.at, 0);
        // What is shown at a time is the last picture that began before it.
        const shown = pictures.findLastIndex(([time]) => time <= asked + 1e-4);
        const near = pictures.slice(Math.max(0, shown - 15), shown + 16);
        const likest = [...near].sort(([, a], [, b]) => apart(a, seen.grey) - apart(b, seen.grey))[0];
        assert.ok(Math.abs(pictures.indexOf(likest) - shown) <= 1,
          `${kind}: asked for ${asked}, which is the picture of ${pictures[shown][0]}; it shows that of ${likest[0]}`);
        // Chromium counts what lies before an edit list into the length.
        const lasts = Number(execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', await download.path()]));
        assert.ok(Math.abs(lasts - 2.1) < 0.15, `${kind} lasts ${lasts} s`);
        console.log(`${name}.${kind}: asked ${asked}, shown ${likest[0]}, ${lasts} s, ${seen.duration} s in Chromium`);
      }
      if (process.env.RTPX_SCREENSHOTS) await page.screenshot({ path: path.join(process.env.RTPX_SCREENSHOTS, `cut-${name}.png`) });
    } finally {
      await browser.close();
      await server.stop();
    }
  });
}
