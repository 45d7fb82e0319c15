// Recordings play in browsers without being converted: node players_test.mjs RECORDING…, with RTPX the command.
// Our own player, hls.js and shaka, each in Chromium and Firefox, where the codec allows: they play, they seek, and what
// they show is what FFmpeg finds in the conversion at that time.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-players-'));
const base = path.join(scratch, 'recordings');
const recordings = process.argv.slice(2).map((folder) => {
  const id = path.basename(folder);
  fs.cpSync(folder, path.join(base, id), { recursive: true });
  // Nothing is converted: that it plays all the same is the point.
  fs.writeFileSync(path.join(base, id, 'recording.json'),
    JSON.stringify({ format: { major: 1, minor: 0 }, name: id, created: '2026-11-22T12:00:00Z', ended_at: '2026-11-22T12:01:00Z', conversion: { state: 'cancelled' } }));
  return { id, folder };
});

const server = spawn(process.env.RTPX, ['serve', '--listen', '127.0.0.1:0', '--udp-port', '0', '--udp-listen', '127.0.0.1', '--min-free', '1M', '--base-dir', base],
  { stdio: ['ignore', 'pipe', 'inherit'] });
const upstream = await new Promise((resolve, reject) => {
  server.stdout.once('data', (data) => resolve(new URL(String(data).trim())));
  server.once('exit', (code) => reject(new Error(`rtpx serve ended with ${code}`)));
});

const files = {
  '/hls.js': 'node_modules/hls.js/dist/hls.js',
  '/shaka.js': 'node_modules/shaka-player/dist/shaka-player.compiled.js',
};
const page = '<!doctype html><style>body { margin: 0; background: #222 } video { width: 640px; height: 360px }</style><video muted playsinline></video>';
// One origin for the pages, the players and the server.
const front = http.createServer((request, response) => {
  if (request.url === '/player.html') return response.setHeader('Content-Type', 'text/html').end(page);
  if (files[request.url]) return response.setHeader('Content-Type', 'text/javascript').end(fs.readFileSync(files[request.url]));
  const passed = http.request({ host: upstream.hostname, port: upstream.port, path: request.url, method: request.method,
    headers: { ...request.headers, host: upstream.host } }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  passed.on('error', () => response.destroy());
  return request.pipe(passed);
});
await new Promise((resolve) => { front.listen(0, '127.0.0.1', resolve); });
const origin = `http://127.0.0.1:${front.address().port}`;

/** In the page: opens the recording in a player; answers its length, or null where the browser has no such codec. */
async function open({ player, id }) {
  const video = document.querySelector('video');
  const address = `/api/recordings/${id}/play/`;
  window.failed = null;
  const fail = (what) => { window.failed ??= String(what); };
  video.addEventListener('error', () => fail(video.error?.message));
  const load = (url) => new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement('script'), { src: url, onload: resolve, onerror: reject }));
  });
  const index = await (await fetch(`${address}index.json`)).json();
  const { renditions } = index.programs[0];
  const types = renditions.flatMap(({ inits }) => inits.map(({ mime }) => mime));
  if (!types.every((type) => MediaSource.isTypeSupported(type))) return null;
  if (player === 'ours') {
    const { Stream } = await import('/stream.js');
    window.stream = new Stream(video, id, { onError: (error) => fail(error.message) });
    await window.stream.open(0);
  } else if (player === 'hls.js') {
    await load('/hls.js');
    const text = await (await fetch(`${address}index.m3u8`)).text();
    const codecs = [...text.matchAll(/CODECS="([^"]*)"/g)].flatMap(([, list]) => list.split(','));
    if (!codecs.every((codec) => MediaSource.isTypeSupported(`video/mp4; codecs="${codec}"`))) return null;
    const hls = new window.Hls();
    hls.on(window.Hls.Events.ERROR, (_, data) => { if (data.fatal) fail(`${data.type} ${data.details} ${data.error}`); });
    hls.loadSource(`${address}index.m3u8`);
    hls.attachMedia(video);
    await new Promise((resolve) => { hls.on(window.Hls.Events.LEVEL_LOADED, resolve); });
  } else {
    await load('/shaka.js');
    window.shaka.polyfill.installAll();
    const shaka = new window.shaka.Player();
    await shaka.attach(video);
    shaka.addEventListener('error', ({ detail }) => fail(`shaka ${detail.code} ${detail.data}`));
    await shaka.load(`${address}manifest.mpd`).catch((error) => fail(`shaka ${error.code} ${error.data}`));
  }
  return { duration: index.programs[0].duration_ms / 1000, picture: renditions[0].kind === 'video' };
}

/** In the page: goes to a time; the picture there as 8 x 8 greys and the time that it says. */
async function seek({ to, limit }) {
  const video = document.querySelector('video');
  const until = performance.now() + limit;
  const ready = () => !video.seeking && video.readyState >= 2 && Math.abs(video.currentTime - to) < 0.5;
  const started = performance.now();
  video.currentTime = to;
  while (!ready()) {
    if (window.failed) return { failed: window.failed };
    if (performance.now() > until) {
      const ranges = Array.from({ length: video.buffered.length }, (_, i) => [video.buffered.start(i), video.buffered.end(i)]);
      return { failed: `no picture at ${to}: at ${video.currentTime}, state ${video.readyState}, buffered ${JSON.stringify(ranges)}` };
    }
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
  const took = performance.now() - started;
  await new Promise((resolve) => { setTimeout(resolve, 100); });
  const { videoWidth: wide, videoHeight: high } = video;
  const canvas = Object.assign(document.createElement('canvas'), { width: wide, height: high });
  const pen = canvas.getContext('2d');
  pen.drawImage(video, 0, 0, wide, high);
  const { data } = pen.getImageData(0, 0, wide, high);
  const grey = Array(64).fill(0);
  const pixels = Array(64).fill(0);
  for (let i = 0; i < wide * high; i += 1) {
    const at = 8 * Math.floor((8 * Math.floor(i / wide)) / high) + Math.floor((8 * (i % wide)) / wide);
    grey[at] += 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
    pixels[at] += 1;
  }
  for (let i = 0; i < 64; i += 1) grey[i] /= pixels[i];
  return { at: video.currentTime, grey, width: video.videoWidth, took };
}

/** In the page: plays on until so many seconds have gone by in the media. */
async function playOn({ seconds, limit }) {
  const video = document.querySelector('video');
  const from = video.currentTime;
  const until = performance.now() + limit;
  await video.play();
  while (video.currentTime < from + seconds && !video.ended) {
    if (window.failed || performance.now() > until) return { failed: window.failed ?? `stands at ${video.currentTime}, from ${from}` };
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  video.pause();
  return { from, to: video.currentTime };
}

/** The pictures of the conversion: [seconds, 8 x 8 greys]. */
function truth(folder) {
  const out = path.join(scratch, 'converted', path.basename(folder));
  let result;
  try {
    result = execFileSync(process.env.RTPX, ['convert', folder, '-o', out, '--json', '--layers', 'best'], { stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    if (error.status !== 1) throw error;
    result = error.stdout;
  }
  const [{ location }] = Object.values(JSON.parse(result));
  const times = String(execFileSync('ffprobe', ['-v', 'error', '-select_streams', 'v:0', '-show_entries', 'frame=pts_time', '-of', 'csv=p=0', location]))
    .split('\n').filter(Boolean).map(Number.parseFloat);
  const raw = execFileSync('ffmpeg', ['-v', 'quiet', '-i', location, '-map', '0:v:0', '-vf', 'format=rgb24,scale=8:8:flags=area', '-pix_fmt', 'rgb24', '-fps_mode', 'passthrough', '-f', 'rawvideo', '-'],
    { maxBuffer: 1 << 30 });
  const grey = (at) => 0.299 * raw[at] + 0.587 * raw[at + 1] + 0.114 * raw[at + 2];
  return times.map((time, i) => [time, Array.from({ length: 64 }, (_, k) => grey(192 * i + 3 * k))]);
}

/** How unlike two pictures are, 0 to 2, whatever brightness and contrast a browser gives them. */
function apart(a, b) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [from, to] = [a, b].map((values) => values.map((value) => value - mean(values)));
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return 1 - dot(from, to) / Math.sqrt(dot(from, from) * dot(to, to) + 1);
}

const browsers = {
  chromium: { executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'] },
  firefox: { browser: 'firefox', executablePath: '/usr/bin/firefox', extraPrefsFirefox: { 'media.autoplay.default': 0 } },
};
let played = 0;
try {
  for (const { id, folder } of recordings) {
    const pictures = truth(folder);
    for (const [name, options] of Object.entries(browsers)) {
      if (!fs.existsSync(options.executablePath)) continue;
      const browser = await puppeteer.launch({ headless: true, ...options });
      try {
        for (const player of ['ours', 'hls.js', 'shaka']) {
          const what = `${name}, ${player}, ${id}`;
          const tab = await browser.newPage();
          await tab.goto(`${origin}/player.html`);
          const opened = await tab.evaluate(open, { player, id });
          if (opened === null) {
            console.log(`${what}: no such codec there`);
            await tab.close();
            continue;
          }
          const moved = await tab.evaluate(playOn, { seconds: 1.5, limit: 60_000 });
          assert.ok(!moved.failed, `${what}: ${moved.failed}`);
          let slowest = 0;
          for (const share of [0.8, 0.1, 0.5, 0.97]) {
            const to = opened.duration * share;
            const seen = await tab.evaluate(seek, { to, limit: 30_000 });
            assert.ok(!seen.failed, `${what}: ${seen.failed}`);
            slowest = Math.max(slowest, seen.took);
            // The last picture that began before it, however long the sender left it standing, or one just beside it.
            const shown = Math.max(0, pictures.findLastIndex(([time]) => time <= to));
            const near = pictures.slice(Math.max(0, shown - 1), shown + 2);
            const best = Math.min(...near.map(([, grey]) => apart(grey, seen.grey)));
            const [alike] = [...pictures].sort(([, a], [, b]) => apart(a, seen.grey) - apart(b, seen.grey));
            const likest = apart(alike[1], seen.grey);
            assert.ok(best < 0.15 && best < likest + 0.03,
              `${what}: at ${to} it shows another picture: ${best} apart, that of ${alike[0]} is ${likest}`);
          }
          if (process.env.RTPX_SCREENSHOTS) {
            fs.mkdirSync(process.env.RTPX_SCREENSHOTS, { recursive: true });
            await tab.screenshot({ path: path.join(process.env.RTPX_SCREENSHOTS, `${id}-${name}-${player}.png`) });
          }
          console.log(`${what}: plays, seeks within ${Math.round(slowest)} ms`);
          played += 1;
          await tab.close();
        }
      } finally {
        await browser.close();
      }
    }
  }
} finally {
  const ended = new Promise((resolve) => { server.once('exit', resolve); });
  server.kill('SIGTERM');
  await ended;
  front.close();
  fs.rmSync(scratch, { recursive: true, force: true });
}
assert.ok(played > 0, 'something was played');
process.exit(0);
