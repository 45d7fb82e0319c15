// Pictures that change in mid-call, sent by Chromium's own encoders, converted into each container, and played in Chromium
// through the change and from both sides of it: node --test changes_test.mjs, with RTPX=path of the command, and
// RTPX_BROWSER_CODECS=VP8,VP9,AV1,H264 for more codecs.
// Screenshots of each file on both sides are kept in $RTPX_SCREENSHOTS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, recordingOf, serve, serveFiles, sleep, stateOf } from './browser.mjs';

const screenshots = process.env.RTPX_SCREENSHOTS;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-changes-'));
const RED = { width: 320, height: 180, color: 'red' };
const BLUE = { width: 480, height: 360, color: 'blue' };
let server, browser, files;

before(async () => {
  server = await serve(folder);
  files = await serveFiles(folder);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  files?.close();
  await server.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Sends a picture of one colour for some seconds and then, the call goes on, another; by `codecs`, one for each. */
async function send(page, name, codecs, pictures) {
  await page.evaluate(async ({ name, codecs, pictures }) => {
    const { publish, endSession } = await import('/api.js');
    const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
    const canvas = document.createElement('canvas');
    const paint = canvas.getContext('2d');
    let place = 0;
    let picture;
    const show = (next) => {
      picture = next;
      if (canvas.width !== next.width || canvas.height !== next.height) Object.assign(canvas, { width: next.width, height: next.height });
    };
    show(pictures[0]);
    const timer = setInterval(() => {
      paint.fillStyle = picture.color;
      paint.fillRect(0, 0, picture.width, picture.height);
      paint.fillStyle = picture.right ?? picture.color;
      paint.fillRect(picture.width / 2, 0, picture.width / 2, picture.height);
      paint.fillStyle = 'white';
      place = (place + 4) % 100;
      paint.fillRect(place, picture.height - 40, 20, 20);
    }, 50);
    const [track] = canvas.captureStream(20).getVideoTracks();
    track.contentHint = 'detail'; // a slow machine sends fewer pictures, not smaller ones
    const sound = await navigator.mediaDevices.getUserMedia({ audio: true });
    const connection = new RTCPeerConnection();
    const stream = new MediaStream([track, ...sound.getTracks()]);
    const known = RTCRtpSender.getCapabilities('video').codecs;
    const find = (codec) => known.find((entry) => entry.mimeType === `video/${codec}`);
    const video = connection.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    video.setCodecPreferences([...new Set(codecs)].map(find));
    connection.addTransceiver(sound.getTracks()[0], { direction: 'sendonly', streams: [stream] });
    await connection.setLocalDescription(await connection.createOffer());
    const session = await publish(connection.localDescription.sdp, { name });
    await connection.setRemoteDescription({ type: 'answer', sdp: session.sdp });
    while (connection.connectionState !== 'connected') await pause(50);
    for (const [index, next] of pictures.entries()) {
      if (codecs[index] !== codecs[index - 1] && index > 0) {
        const parameters = video.sender.getParameters();
        parameters.encodings[0].codec = parameters.codecs.find((entry) => entry.mimeType === `video/${codecs[index]}`);
        await video.sender.setParameters(parameters);
      }
      show(next);
      await pause(3000);
    }
    await endSession(session.url);
    connection.close();
    clearInterval(timer);
  }, { name, codecs, pictures });
  const { id } = await recordingOf(server.url, name);
  const entry = await stateOf(server.url, id, ['ready', 'failed']);
  assert.equal(entry.state, 'ready', entry.error);
  return path.join(server.recordings, id);
}

/** A copy of `recording` as a phone sends it that is held upright: each picture's last packet says that it is to be turned
 * by 90 degrees (3GPP TS 26.114 section 7.4.5), in an element more of its header extension (RFC 8285). */
function upright(recording) {
  const copy = `${recording}-upright`;
  fs.cpSync(recording, copy, { recursive: true });
  const manifest = JSON.parse(fs.readFileSync(path.join(copy, 'manifest.json'), 'utf8'));
  const video = Object.values(manifest).find((track) => track.kind === 'video');
  const id = video.header_extensions['urn:3gpp:video-orientation'];
  assert.ok(id > 0, 'the orientation was negotiated');
  video.location = path.basename(video.location); // the copy's own, not that of the original
  fs.writeFileSync(path.join(copy, 'manifest.json'), JSON.stringify(manifest));
  const file = path.join(copy, video.location);
  const records = fs.readFileSync(file);
  const out = [];
  for (let at = 0, next; at < records.length; at = next) {
    next = at + 13 + records.readUInt32BE(at + 9);
    const record = Buffer.from(records.subarray(at, next));
    const extension = 13 + 12 + 4 * (record[13] & 0x0f);
    const last = (record[14] & 0x80) !== 0 && (record[13] & 0x10) !== 0;
    if (!last) {
      out.push(record);
      continue;
    }
    assert.equal(record.readUInt16BE(extension), 0xbede, 'elements have one-byte headers');
    const end = extension + 4 + 4 * record.readUInt16BE(extension + 2);
    let element = extension + 4;
    while (element < end && record[element] >> 4 !== id) element += record[element] === 0 ? 1 : (record[element] & 0x0f) + 2;
    if (element < end) {
      record[element + 1] = 1; // Chromium's own says that nothing is turned
      out.push(record);
      continue;
    }
    record.writeUInt16BE(record.readUInt16BE(extension + 2) + 1, extension + 2);
    record.writeUInt32BE(record.length - 13 + 4, 9);
    out.push(record.subarray(0, end), Buffer.from([id << 4, 1, 0, 0]), record.subarray(end));
  }
  fs.writeFileSync(file, Buffer.concat(out));
  return copy;
}

/** Converts again: { parts: [{ file, duration }], changes }. Status 1 is a conversion with losses. */
function convert(recording, name, ...options) {
  const out = path.join(folder, 'converted', name);
  let result;
  try {
    result = execFileSync(process.env.RTPX, ['convert', recording, '-o', out, '--json', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  } catch (error) {
    if (error.status !== 1) throw error;
    result = error.stdout;
  }
  const [converted] = Object.values(JSON.parse(result));
  const report = JSON.parse(fs.readFileSync(converted.report_location, 'utf8'));
  const locations = [converted.location, ...(converted.parts ?? []).map((part) => part.location)];
  const parts = report.parts.map((part, index) => ({ file: locations[index], offset: part.offset_ms / 1000, duration: part.duration_ms / 1000 }));
  return { parts, changes: report.tracks.find((track) => track.kind === 'video').changes };
}

/** Plays a file to its end, then seeks to `places`: sizes seen in play with the time of the first such picture, and what each place shows. */
async function play(page, file, places) {
  await page.goto(`http://127.0.0.1:${files.address().port}/`);
  const seen = page.evaluate(async ({ url, places }) => {
    const video = document.querySelector('video');
    const once = (name) => new Promise((resolve, reject) => {
      video.addEventListener(name, resolve, { once: true });
      video.addEventListener('error', () => reject(new Error(video.error.message)), { once: true });
    });
    const pixel = () => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 16, height: 16 });
      const context = canvas.getContext('2d');
      context.drawImage(video, 0, 0, 16, 16);
      const [r, g, b] = context.getImageData(8, 4, 1, 1).data;
      return r > 150 && b < 100 ? 'red' : b > 150 && r < 100 ? 'blue' : `${r},${g},${b}`;
    };
    const now = () => ({ width: video.videoWidth, height: video.videoHeight, color: pixel() });
    video.src = url;
    await once('loadedmetadata');
    const sizes = [];
    let last = '';
    const look = (_, { mediaTime, width, height }) => {
      if (`${width}x${height}` !== last) sizes.push({ time: mediaTime, width, height });
      last = `${width}x${height}`;
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
    const ended = once('ended');
    video.playbackRate = 2;
    await video.play();
    await ended;
    const out = { duration: video.duration, ended: video.currentTime, end: now(), sizes, places: [] };
    for (const place of places) {
      const seeked = once('seeked');
      video.currentTime = place;
      await seeked;
      out.places.push(now());
    }
    return out;
  }, { url: `/${path.relative(folder, file).split(path.sep).map(encodeURIComponent).join('/')}`, places });
  return Promise.race([seen, sleep(25000).then(() => { throw new Error(`${file}: did not end in 25 s`); })]);
}

async function shot(page, name) {
  if (screenshots) await page.screenshot({ path: path.join(screenshots, `${name}.png`) });
}

/** A file that plays from one picture through the change into the other. */
async function playsThrough(page, name, { parts, changes }, [first, second]) {
  assert.equal(parts.length, 1, `${name} is one file`);
  const [{ file, duration }] = parts;
  const change = changes.findLast((entry) => entry.what === 'resolution').time_ms / 1000;
  const seen = await play(page, file, [change + 0.8, change - 0.8, duration - 0.2, 0.3]);
  console.log(`${name}: ${seen.duration.toFixed(3)} s, ${seen.sizes.map((size) => `${size.width}x${size.height} from ${size.time.toFixed(3)}`).join(', ')}`);
  assert.ok(Math.abs(seen.duration - duration) < 0.06, `${name}: ${seen.duration} s in the player, ${duration} s written`);
  assert.ok(Math.abs(seen.ended - duration) < 0.1, `${name} ends at ${seen.ended}`);
  assert.deepEqual(seen.end, second, `${name} ends with the picture sent last`);
  assert.deepEqual(seen.places, [second, first, second, first], `${name} seeks to both sides`);
  const { time } = seen.sizes.find((size) => size.width === second.width && size.height === second.height);
  assert.ok(Math.abs(time - change) < 0.5, `${name} changes at ${time} s, by the report at ${change} s`);
  await shot(page, `${name}-before`);
  await page.evaluate((place) => new Promise((resolve) => {
    const video = document.querySelector('video');
    video.addEventListener('seeked', resolve, { once: true });
    video.currentTime = place;
  }), change + 0.5);
  await shot(page, `${name}-after`);
}

/** Parts that each play to their end with one picture, the next one beginning where one ends. */
async function playsInParts(page, name, { parts }, pictures) {
  assert.equal(parts.length, pictures.length, `${name} has ${parts.length} parts`);
  for (const [index, { file, offset, duration }] of parts.entries()) {
    const seen = await play(page, file, [duration / 2]);
    console.log(`${name} part ${index + 1}: ${path.extname(file)} from ${offset.toFixed(3)}, ${seen.duration.toFixed(3)} s`);
    assert.ok(Math.abs(seen.duration - duration) < 0.06, `${file}: ${seen.duration} s in the player, ${duration} s written`);
    assert.deepEqual([seen.end, ...seen.places], [pictures[index], pictures[index]], `${file} shows one picture`);
    await shot(page, `${name}-part${index + 1}`);
    if (index === 0) continue;
    const before = parts[index - 1];
    assert.ok(Math.abs(before.offset + before.duration - offset) < 0.15, `${file} begins where the part before ends`);
  }
}

const codecs = (process.env.RTPX_BROWSER_CODECS ?? 'VP8').split(',');
const FORMATS = { VP8: ['webm', 'mkv'], VP9: ['webm', 'mkv', 'mp4', 'fmp4'], AV1: ['webm', 'mkv', 'mp4', 'fmp4'], H264: ['mkv', 'mp4', 'fmp4'] };

for (const codec of codecs) {
  test(`${codec} that changes its size in mid-call plays through`, async () => {
    const page = await browser.newPage({ viewport: { width: 500, height: 380 } });
    await page.goto(server.url);
    const recording = await send(page, codec, [codec, codec], [RED, BLUE]);
    for (const format of FORMATS[codec]) {
      const name = `${codec}-${format}`;
      await playsThrough(page, name, convert(recording, name, '--format', format), [RED, BLUE]);
    }
    const name = `${codec}-split`;
    await playsInParts(page, name, convert(recording, name, '--on-change', 'split'), [RED, BLUE]);
    await page.close();
  });
}

for (const codec of codecs) {
  test(`${codec} of a phone that is held upright stands upright`, async () => {
    const page = await browser.newPage({ viewport: { width: 400, height: 380 } });
    await page.goto(server.url);
    const recording = upright(await send(page, `${codec}-upright`, [codec], [{ ...RED, right: 'blue' }]));
    for (const format of FORMATS[codec]) {
      const name = `${codec}-upright-${format}`;
      const { parts } = convert(recording, name, '--format', format);
      assert.equal(parts.length, 1, `${name} is one file`);
      const seen = await play(page, parts[0].file, [parts[0].duration / 2]);
      console.log(`${name}: ${seen.end.width}x${seen.end.height}, ${seen.end.color} above`);
      const standing = { width: RED.height, height: RED.width, color: 'red' };
      assert.deepEqual([seen.end, ...seen.places], [standing, standing], `${name} stands upright, its left side above`);
      await shot(page, name);
    }
    await page.close();
  });
}

test('another codec in mid-call begins a part, and both play', async () => {
  const page = await browser.newPage({ viewport: { width: 500, height: 380 } });
  await page.goto(server.url);
  const blue = { ...RED, color: 'blue' };
  const recording = await send(page, 'codec', ['VP8', 'H264'], [RED, blue]);
  await playsInParts(page, 'codec', convert(recording, 'codec'), [RED, blue]);
  await page.close();
});
