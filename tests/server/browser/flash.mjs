// A clock in place of camera and microphone, and its reading off what was recorded.
import { execFileSync } from 'node:child_process';

/**
 * In a page: a stream of a clock, white for 100 ms and a beep of 60 ms at every whole second of the wall clock, so that all
 * pages of a machine see one flash; red else. Where a browser's sound does not run (Firefox without a sound device), there is
 * the browser's fake microphone instead of the beep.
 */
export const clockStream = async ({ width = 640, height = 360 } = {}) => {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const picture = canvas.getContext('2d');
  const audio = new AudioContext();
  const out = audio.createMediaStreamDestination();
  const oscillator = audio.createOscillator();
  const gain = audio.createGain();
  oscillator.frequency.value = 1000;
  gain.gain.value = 0;
  oscillator.connect(gain).connect(out);
  oscillator.start();
  // The audio clock goes in steps and begins late: how far it is ahead of the wall clock at most, at whole seconds.
  await Promise.race([audio.resume(), new Promise((resolve) => { setTimeout(resolve, 2000); })]);
  const silent = audio.state !== 'running';
  let ahead = silent ? 0 : -Infinity;
  for (let i = 0; i < 50; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (audio.currentTime > 0) ahead = Math.max(ahead, audio.currentTime - Date.now() / 1000);
  }
  const now = () => (silent ? Date.now() / 1000 : audio.currentTime);
  const origin = Math.ceil(now() - ahead) + ahead;
  for (let second = 0; second < 120; second += 1) {
    if (silent) break;
    gain.gain.setValueAtTime(0.5, origin + second);
    gain.gain.setValueAtTime(0, origin + second + 0.06);
  }
  setInterval(() => {
    const phase = now() - origin;
    picture.fillStyle = phase >= 0 && phase % 1 < 0.1 ? '#fff' : '#c00';
    picture.fillRect(0, 0, width, height);
    picture.fillStyle = '#00c';
    picture.fillRect((phase * 100) % (width - 40), height - 50, 40, 40);
  }, 15);
  const stream = canvas.captureStream(30);
  const sound = silent ? await navigator.mediaDevices.getUserMedia({ audio: true }) : out.stream;
  stream.addTrack(sound.getAudioTracks()[0]);
  return stream;
};

/** Replaces the camera and microphone of a page by the clock. */
export async function useFlashAndBeep(page, size = {}) {
  await page.evaluate(`navigator.mediaDevices.getUserMedia = () => (${clockStream})(${JSON.stringify(size)}); undefined`);
}

/** In a page, beside clockStream: publishes the clock; answers how many frames each layer has sent. */
const publish = async ({ whip, seconds, layers }) => {
  const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  const stream = await clockStream({ width: 1280, height: 720 });
  const connection = new RTCPeerConnection();
  for (const track of stream.getTracks()) {
    const options = { direction: 'sendonly', streams: [stream] };
    if (track.kind === 'video' && layers > 1)
      options.sendEncodings = [{ rid: 'q', scaleResolutionDownBy: 4 }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'f' }];
    else if (track.kind === 'video') options.sendEncodings = [{ scaleResolutionDownBy: 2 }];
    connection.addTransceiver(track, options);
  }
  await connection.setLocalDescription(await connection.createOffer());
  for (let i = 0; i < 50 && connection.iceGatheringState !== 'complete'; i += 1) await pause(20);
  const answer = await fetch(whip, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: connection.localDescription.sdp });
  if (answer.status !== 201) throw new Error(await answer.text());
  await connection.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  while (connection.connectionState !== 'connected') await pause(50);
  await pause(seconds * 1000);
  for (const sender of connection.getSenders()) await sender.replaceTrack(null);
  const frames = {};
  for (const one of (await connection.getStats()).values())
    if (one.type === 'outbound-rtp' && one.kind === 'video') frames[one.rid ?? ''] = one.framesSent ?? one.framesEncoded;
  await pause(500); // what was lost last is asked for again
  await fetch(answer.headers.get('Location'), { method: 'DELETE' });
  connection.close();
  return { version: /(Firefox|Chrome)\/[\d.]+/.exec(navigator.userAgent)[0].split('/')[1], frames };
};

/** What a page runs to publish the clock by WHIP: the text of an expression, a promise. */
export const publishingClock = (about) => `(() => { const clockStream = ${clockStream}; return (${publish})(${JSON.stringify(about)}); })()`;

/** Of the n-th picture, among all streams of the file. */
function streamIndex(file, n) {
  const indexes = execFileSync('ffprobe', ['-v', 'error', '-select_streams', 'v', '-show_entries', 'stream=index', '-of', 'csv=p=0', file], { encoding: 'utf8' });
  return Number(indexes.trim().split('\n')[n]);
}

/** Times at which the picture becomes white and at which the sound begins, in seconds: of the n-th picture and sound. */
export function flashesAndBeeps(file, n = 0) {
  const frames = execFileSync('ffprobe', ['-v', 'error', '-f', 'lavfi', '-i', `movie=${file}:si=${streamIndex(file, n)},signalstats`, '-show_entries',
    'frame=pts_time:frame_tags=lavfi.signalstats.YAVG', '-of', 'csv=p=0'], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const flashes = [];
  let white = true;
  for (const line of frames.trim().split('\n')) {
    const [time, luma] = line.split(',').map(Number);
    if (luma > 150 && !white) flashes.push(time);
    white = luma > 150;
  }
  const pcm = execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-map', `0:a:${n}`, '-af', 'aresample=async=1:first_pts=0', '-ac', '1', '-ar', '48000', '-f', 's16le', '-'],
    { maxBuffer: 1 << 28 });
  const samples = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length >> 1);
  const beeps = [];
  let quietSince = -48000;
  for (let i = 0; i < samples.length; i += 1) {
    if (Math.abs(samples[i]) < 2000) continue;
    if (i - quietSince > 24000) beeps.push(i / 48000);
    quietSince = i;
  }
  return { flashes, beeps };
}

export const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
