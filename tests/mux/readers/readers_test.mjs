// What other programs read in the files of write_reader_files: node readers_test.mjs FOLDER [--wide].
// Without --wide, Chromium and Firefox are left out. Prints a table; ends with 1 where a reader is wrong.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from 'mediabunny';
import { createFile } from 'mp4box';
import { dashOf, hlsOf } from './playlists.mjs';
import { beepsOf, byFfmpeg, byGstreamer, flashesOf } from './signals.mjs';

const folder = process.argv[2];
const wide = process.argv.includes('--wide');
const files = JSON.parse(fs.readFileSync(path.join(folder, 'files.json'), 'utf8'));
const TOLERANCE = 0.02;
const have = (tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;

/**
 * Each reader answers what it found: { duration, videoFrom, audioFrom, pictures, width, flashes, beeps }, as far as it
 * tells.
 */
const readers = {
  async mediabunny(file) {
    const input = new Input({ formats: ALL_FORMATS, source: new BufferSource(fs.readFileSync(path.join(folder, file.file))) });
    const video = await input.getPrimaryVideoTrack();
    const audio = await input.getPrimaryAudioTrack();
    let pictures = 0;
    for await (const packet of new EncodedPacketSink(video).packets()) pictures += packet.byteLength > 0 ? 1 : 0;
    return {
      duration: await input.computeDuration(), videoFrom: await video.getFirstTimestamp(),
      audioFrom: Math.max(0, await audio.getFirstTimestamp()), pictures, width: await video.getDisplayWidth?.() ?? video.displayWidth,
    };
  },
  async mp4box(file) {
    if (!file.file.endsWith('.mp4')) return null;
    const mp4 = createFile();
    const ready = new Promise((resolve, reject) => { mp4.onReady = resolve; mp4.onError = reject; });
    const bytes = fs.readFileSync(path.join(folder, file.file));
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    buffer.fileStart = 0;
    mp4.appendBuffer(buffer);
    mp4.flush();
    const info = await ready;
    const [video] = info.videoTracks;
    const ends = info.tracks.map((track) => mp4.getTrackSamplesInfo(track.id).at(-1)).map((last) => (last.cts + last.duration) / last.timescale);
    return {
      // Of fragments, from the samples: it applies no edit lists.
      duration: info.isFragmented ? Math.max(...ends) : info.duration / info.timescale,
      pictures: mp4.getTrackSamplesInfo(video.id).length,
    };
  },
  async ffprobe(file) {
    const told = JSON.parse(execFileSync('ffprobe', ['-v', 'error', '-of', 'json', '-show_format', '-show_streams', '-count_packets', path.join(folder, file.file)]));
    const [video] = told.streams.filter((stream) => stream.codec_type === 'video');
    const [audio] = told.streams.filter((stream) => stream.codec_type === 'audio');
    // FFmpeg counts the length of fragments from zero: the lateness of a late track comes on top.
    const late = file.container === 'fmp4' ? Math.max(file.video_from, file.audio_from) : 0;
    return {
      duration: late > 0 ? undefined : Number(told.format.duration), videoFrom: Number(video.start_time),
      audioFrom: Math.max(0, Number(audio.start_time)), pictures: Number(video.nb_read_packets),
    };
  },
  async mkvmerge(file) {
    const { status, stdout } = spawnSync('mkvmerge', ['-J', path.join(folder, file.file)]);
    const told = JSON.parse(stdout);
    if (status !== 0 || told.warnings.length + told.errors.length > 0) throw new Error([...told.warnings, ...told.errors].join('; '));
    return file.file.endsWith('.mp4') ? {} : { duration: told.container.properties.duration / 1e9 };
  },
  async 'gst-discoverer-1.0'(file) {
    const told = execFileSync('gst-discoverer-1.0', [path.join(folder, file.file)], { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
    const [, h, m, s] = /Duration: (\d+):(\d+):([\d.]+)/.exec(told);
    return { duration: Number(h) * 3600 + Number(m) * 60 + Number(s) };
  },
};
for (const tool of ['ffprobe', 'mkvmerge', 'gst-discoverer-1.0']) if (!have(tool)) delete readers[tool];
if (have('ffmpeg')) readers['FFmpeg, decoded'] = async (file) => byFfmpeg(path.join(folder, file.file));
// GStreamer's OpenH264 hands B-pictures out in the order in which they are decoded.
if (have('gst-launch-1.0'))
  readers['GStreamer, decoded'] = async (file) => (file.codec === 'h264_b' ? null : byGstreamer(path.join(folder, file.file)));

/** In the page: the file as a source, or all of it through Media Source Extensions. */
async function playInPage({ url, types }) {
  const video = document.querySelector('video');
  const once = (target, name) => new Promise((resolve, reject) => {
    target.addEventListener(name, resolve, { once: true });
    video.addEventListener('error', () => reject(new Error(video.error?.message)), { once: true });
    setTimeout(() => reject(new Error(`no ${name} in 10 s`)), 10000);
  });
  if (!types) {
    video.src = url;
    await once(video, 'loadedmetadata');
    video.currentTime = video.duration * 0.7;
    await once(video, 'seeked');
    return { duration: video.duration, width: video.videoWidth };
  }
  if (!MediaSource.isTypeSupported(types)) return null;
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await once(source, 'sourceopen');
  const buffer = source.addSourceBuffer(types);
  buffer.appendBuffer(await (await fetch(url)).arrayBuffer());
  await once(buffer, 'updateend');
  const { buffered } = buffer;
  const ranges = Array.from({ length: buffered.length }, (_, i) => [buffered.start(i), buffered.end(i)]);
  return { ranges };
}

const CODECS = { vp8: 'vp8', vp9: 'vp09.00.10.08', av1: 'av01.0.00M.08', h264: 'avc1.42C01F', h264_b: 'avc1.64001F', h265: 'hvc1.1.6.L93.B0' };
const typeOf = (file, codecs = `${CODECS[file.codec]}, opus`) => `video/${file.container === 'webm' ? 'webm' : 'mp4'}; codecs="${codecs}"`;

const SCRIPTS = {
  '/mediabunny.mjs': 'mediabunny/dist/bundles/mediabunny.mjs',
  '/web-demuxer.js': 'web-demuxer/dist/web-demuxer.js',
  '/web-demuxer.wasm': 'web-demuxer/dist/wasm-files/web-demuxer.wasm',
  '/hls.js': 'hls.js/dist/hls.js',
  '/shaka.js': 'shaka-player/dist/shaka-player.compiled.js',
};
const bytesOf = (name) => fs.readFileSync(path.join(folder, name));
/** Playlists of files: hls.js gets fragments as they are, shaka sound and picture apart. */
const PLAYLISTS = {
  m3u8: (file) => hlsOf(file.file, bytesOf(file.file)),
  mpd: (file) => dashOf([
    { name: file.alone.video, bytes: bytesOf(file.alone.video), type: typeOf(file, CODECS[file.codec]) },
    { name: file.alone.audio, bytes: bytesOf(file.alone.audio), type: typeOf(file, 'opus').replace('video', 'audio') },
  ], file.duration),
};
const TYPES = { mp4: 'video/mp4', webm: 'video/webm', mkv: 'video/x-matroska', mjs: 'text/javascript', js: 'text/javascript', wasm: 'application/wasm', m3u8: 'application/vnd.apple.mpegurl', mpd: 'application/dash+xml' };

/** What stands at an address, or null. */
function served(url) {
  if (url === '/') return Buffer.from('<!doctype html><video muted></video>');
  if (url === '/page.mjs') return fs.readFileSync('page.mjs');
  if (SCRIPTS[url]) return fs.readFileSync(path.join('node_modules', SCRIPTS[url]));
  const [, name, kind] = /^\/(.*)\.(\w+)$/.exec(url) ?? [];
  if (PLAYLISTS[kind]) return Buffer.from(PLAYLISTS[kind](files.find(({ file }) => file === name)));
  return fs.existsSync(path.join(folder, path.basename(url))) ? bytesOf(path.basename(url)) : null;
}

async function addBrowsers() {
  const puppeteer = (await import('puppeteer-core')).default;
  const server = http.createServer((request, response) => {
    const bytes = served(request.url);
    if (!bytes) return response.writeHead(404).end();
    const type = TYPES[path.extname(request.url).slice(1)] ?? 'text/html';
    const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
    const last = to === '' ? bytes.length - 1 : Number(to);
    response.writeHead(request.headers.range ? 206 : 200, {
      'Content-Type': type, 'Accept-Ranges': 'bytes', 'Content-Length': last - from + 1, 'Content-Range': `bytes ${from}-${last}/${bytes.length}`,
    });
    return response.end(bytes.subarray(Number(from), last + 1));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const base = `http://127.0.0.1:${server.address().port}/`;
  const closers = [() => server.close()];
  for (const [name, options] of Object.entries({
    chromium: { executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'] },
    firefox: { browser: 'firefox', executablePath: '/usr/bin/firefox' },
  })) {
    if (!have(options.executablePath)) continue;
    const browser = await puppeteer.launch({ headless: true, ...options });
    closers.push(() => browser.close());
    const page = await browser.newPage();
    await page.goto(base);
    const unplayable = (file) => (name === 'firefox' && file.container === 'mkv') || (name === 'chromium' && file.codec === 'h265');
    readers[name] = async (file) => {
      if (unplayable(file)) return null;
      const seen = await page.evaluate(playInPage, { url: base + file.file });
      // Chromium counts as FFmpeg does. Firefox does not turn WebM's pictures.
      const late = name === 'chromium' && file.container === 'fmp4' && file.video_from + file.audio_from > 0;
      if (late) delete seen.duration;
      // It counts the longest track without what is before it, and plays to the true end all the same.
      if (name === 'firefox' && file.container === 'mp4' && file.video_from + file.audio_from > 0) delete seen.duration;
      if (name === 'firefox' && file.container === 'webm' && file.trouble === 'turned') delete seen.width;
      return seen;
    };
    readers[`${name}, MSE`] = async (file) => {
      if (unplayable(file) || !['webm', 'fmp4'].includes(file.container)) return null;
      // Firefox's MSE drops pictures behind one of a reordered fragment that is held through a pause: docs/players.md.
      if (name === 'firefox' && file.codec === 'h264_b' && file.trouble === 'pause') return null;
      const seen = await page.evaluate(playInPage, { url: base + file.file, types: typeOf(file) });
      if (seen === null) return null;
      if (seen.ranges.length !== 1) throw new Error(`holes: ${JSON.stringify(seen.ranges)}`);
      const [[from, until]] = seen.ranges;
      if (from > Math.max(file.video_from, file.audio_from) + 0.1) throw new Error(`buffered from ${from}`);
      if (until < file.duration - Math.max(file.video_from, file.audio_from) - 0.1) throw new Error(`buffered until ${until}`);
      return {};
    };
    if (name !== 'chromium') continue; // WebCodecs
    const inPage = async (by, options) => {
      await page.goto(base);
      const seen = await page.evaluate(async (way, given) => (await import('/page.mjs'))[way](given), by, options);
      return seen && { ...seen, flashes: flashesOf(seen.pictures), beeps: beepsOf(seen.levels), pictures: seen.count };
    };
    readers['mediabunny and WebCodecs'] = (file) => inPage('byMediabunny', base + file.file);
    readers['web-demuxer and WebCodecs'] = async (file) => {
      const seen = await inPage('byWebDemuxer', base + file.file);
      if (!seen.decoded) ['flashes', 'beeps'].forEach((what) => delete seen[what]);
      if (file.container === 'fmp4' && file.video_from + file.audio_from > 0) delete seen.duration; // as ffprobe
      return seen;
    };
    const play = async (player, file, kind) => {
      const signals = Array.from({ length: file.flashes }, (_, i) => file.video_from + file.signal + i + (file.trouble === 'pause' && i === 2 ? 2 : 0));
      const seen = await inPage('byPlayer', { player, address: `${base}${file.file}.${kind}`, moments: signals.flatMap((time) => [[time - TOLERANCE, false], [time + TOLERANCE, true]]) });
      const wrong = seen.shown.filter(([, light], i) => (light > 0.6) !== (i % 2 === 1));
      if (wrong.length > 0) throw new Error(`shown: ${JSON.stringify(seen.shown)}`);
      return seen;
    };
    readers['hls.js'] = async (file) => (file.container === 'fmp4' ? play('hls.js', file, 'm3u8') : null);
    readers.shaka = async (file) => (file.alone ? play('shaka', file, 'mpd') : null);
  }
  return () => Promise.all(closers.map((close) => close()));
}

const close = wide ? await addBrowsers() : async () => {};
const near = (found, expected) => found === undefined || Math.abs(found - expected) <= TOLERANCE;
/** Once a second from the first on, so many times: `found` are seconds. */
function signalProblem(what, found, from, count, signal) {
  if (found === undefined) return undefined;
  if (found.length !== count) return `${found.length} ${what}, not ${count}: ${found}`;
  const off = found.map((time) => time - from - signal).map((time) => time - Math.round(time));
  return off.every((time) => Math.abs(time) <= TOLERANCE) && near(found[0], from + signal) ? undefined : `${what} at ${found}, not from ${from + signal} on`;
}

const counts = {};
let wrong = 0;
for (const file of files)
  for (const [name, read] of Object.entries(readers)) {
    let problem;
    try {
      const found = await read(file);
      if (found === null) continue;
      if (!near(found.duration, file.duration)) problem = `${found.duration} s, not ${file.duration}`;
      else if (!near(found.videoFrom, file.video_from)) problem = `pictures from ${found.videoFrom}, not ${file.video_from}`;
      else if (!near(found.audioFrom, file.audio_from)) problem = `sound from ${found.audioFrom}, not ${file.audio_from}`;
      else if (found.pictures !== undefined && found.pictures !== file.pictures) problem = `${found.pictures} pictures, not ${file.pictures}`;
      else if (found.width !== undefined && found.width !== file.width && file.trouble !== 'resized') problem = `${found.width} wide, not ${file.width}`;
      else problem = signalProblem('flashes', found.flashes, file.video_from, file.flashes, file.signal) ?? signalProblem('beeps', found.beeps, file.audio_from, file.beeps, file.signal);
    } catch (error) {
      [problem] = String(error?.message ?? error).split('\n');
    }
    counts[name] ??= [0, 0];
    counts[name][problem ? 1 : 0] += 1;
    if (problem) {
      wrong += 1;
      console.log(`WRONG ${file.file}: ${name}: ${problem}`);
    }
  }
await close();
for (const [name, [right, bad]] of Object.entries(counts)) console.log(`${name}: ${right} right, ${bad} wrong`);
process.exit(wrong > 0 || Object.keys(counts).length === 0 ? 1 : 0);
