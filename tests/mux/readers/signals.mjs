// When pictures flash and sound beeps in a file, as others decode it: { flashes, beeps } in seconds.
import { execFileSync, spawnSync } from 'node:child_process';

const WHITE = 0.6; // of what is between black and white
const LOUD = 0.1;
const QUIET_SECONDS = 0.05;

/** Where brightness rises: [[seconds, 0 to 1]]. */
export function flashesOf(pictures) {
  return pictures.filter(([, light], i) => light > WHITE && (i === 0 || pictures[i - 1][1] <= WHITE)).map(([time]) => time);
}

/** Where it gets loud after some quiet: [[seconds, 0 to 1]], in any steps. */
export function beepsOf(levels) {
  const beeps = [];
  let quiet = -Infinity;
  for (const [time, level] of levels) {
    if (level <= LOUD) continue;
    if (time - quiet > QUIET_SECONDS) beeps.push(time);
    quiet = time;
  }
  return beeps;
}

const run = (program, ...options) => execFileSync(program, options, { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });

export function byFfmpeg(file) {
  const times = String(run('ffprobe', '-v', 'error', '-select_streams', 'v:0', '-show_entries', 'frame=best_effort_timestamp_time', '-of', 'csv=p=0', file))
    .split('\n').filter(Boolean).map(Number.parseFloat);
  const light = run('ffmpeg', '-v', 'error', '-i', file, '-map', '0:v:0', '-fps_mode', 'passthrough', '-vf', 'scale=1:1:flags=area,format=gray', '-f', 'rawvideo', '-');
  const rate = 8000;
  const sound = run('ffmpeg', '-v', 'error', '-copyts', '-i', file, '-map', '0:a:0', '-af', `aresample=${rate}:async=1:min_hard_comp=0.01:first_pts=0`, '-ac', '1', '-f', 's16le', '-');
  const levels = Array.from({ length: sound.length >> 1 }, (_, i) => [i / rate, Math.abs(sound.readInt16LE(2 * i)) / 32768]);
  return { flashes: flashesOf(times.map((time, i) => [time, light[i] / 255])), beeps: beepsOf(levels) };
}

/** By what its elements tell of themselves: videoanalyse for each picture, level for each 5 ms of sound. */
export function byGstreamer(file) {
  const { stdout } = spawnSync('gst-launch-1.0', ['-m', 'filesrc', `location=${file}`, '!', 'decodebin', 'name=d',
    'd.', '!', 'queue', '!', 'videoconvert', '!', 'videoanalyse', '!', 'fakesink',
    'd.', '!', 'queue', '!', 'audioconvert', '!', 'level', 'interval=5000000', '!', 'fakesink'], { maxBuffer: 1 << 28 });
  const told = [...String(stdout).matchAll(/(GstVideoAnalyse|level), .*?stream-time=\(guint64\)(\d+).*?(?:luma-average=\(double\)([\d.e+-]+)|rms=\([^)]*\)[<{ ]*(?:\(double\))?(-?[\d.]+|-inf))/g)];
  const pictures = told.filter(([, , , light]) => light !== undefined).map(([, , time, light]) => [time / 1e9, Number(light)]);
  const levels = told.filter(([, , , , db]) => db !== undefined).map(([, , time, , db]) => [time / 1e9, db === '-inf' ? 0 : Math.SQRT2 * 10 ** (db / 20)]);
  return { flashes: flashesOf(pictures), beeps: beepsOf(levels) };
}
