// In the page of a browser: what is seen and heard in a file, by whom, as { pictures, levels }: [[seconds, 0 to 1]], light
// and loudness. null where the browser has no such decoder.
import { ALL_FORMATS, AudioSampleSink, BufferSource, Input, UrlSource, VideoSampleSink } from '/mediabunny.mjs';

const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });

/** Of the picture that `draw` puts into one pixel. */
function light(draw) {
  draw(pen);
  const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
  return (r + g + b) / 765;
}

/** One for each millisecond of an AudioSample or AudioData. */
function loudness(sound, from) {
  const samples = new Float32Array(sound.numberOfFrames);
  sound.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
  const step = Math.round(sound.sampleRate / 1000);
  const levels = [];
  for (let at = 0; at < samples.length; at += step)
    levels.push([from + at / sound.sampleRate, samples.subarray(at, at + step).reduce((most, value) => Math.max(most, Math.abs(value)), 0)]);
  return levels;
}

async function decode(source) {
  const input = new Input({ formats: ALL_FORMATS, source });
  const video = await input.getPrimaryVideoTrack();
  const audio = await input.getPrimaryAudioTrack();
  if ((video && !(await video.canDecode())) || (audio && !(await audio.canDecode()))) return null;
  const pictures = [];
  const levels = [];
  if (video)
    for await (const sample of new VideoSampleSink(video).samples()) {
      pictures.push([sample.timestamp, light((to) => sample.draw(to, 0, 0, 1, 1))]);
      sample.close();
    }
  if (audio)
    for await (const sample of new AudioSampleSink(audio).samples()) {
      levels.push(...loudness(sample, sample.timestamp));
      sample.close();
    }
  return { pictures, levels };
}

/** Demuxed by mediabunny. */
export const byMediabunny = (url) => decode(new UrlSource(url));

/** Demuxed by web-demuxer, with { duration, videoFrom, audioFrom, count } as it tells them. */
export async function byWebDemuxer(url) {
  const { WebDemuxer } = await import('/web-demuxer.js');
  const demuxer = new WebDemuxer({ wasmFilePath: new URL('/web-demuxer.wasm', url).href });
  await demuxer.load(new File([await (await fetch(url)).blob()], url.split('/').at(-1)));
  const told = { duration: (await demuxer.getMediaInfo()).duration, pictures: [], levels: [], count: 0, decoded: true };
  for (const [kind, Decoder, take] of [
    ['video', VideoDecoder, (frame) => told.pictures.push([frame.timestamp / 1e6, light((to) => to.drawImage(frame, 0, 0, 1, 1))])],
    ['audio', AudioDecoder, (sound) => told.levels.push(...loudness(sound, sound.timestamp / 1e6))],
  ]) {
    const config = await demuxer.getDecoderConfig(kind);
    const { supported } = await Decoder.isConfigSupported(config);
    told.decoded &&= supported;
    let failed;
    const decoder = new Decoder({ output: (out) => { take(out); out.close(); }, error: (error) => { failed = error; } });
    if (supported) decoder.configure(config);
    for (const reader = demuxer.read(kind).getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      told[`${kind}From`] = Math.min(told[`${kind}From`] ?? Infinity, value.timestamp / 1e6);
      if (kind === 'video') told.count += 1;
      if (supported) decoder.decode(value);
    }
    if (supported) await decoder.flush();
    if (failed) throw failed;
  }
  told.pictures.sort(([a], [b]) => a - b);
  demuxer.destroy();
  return told;
}

const limited = (promise, what) => Promise.race([promise, new Promise((_, reject) => { setTimeout(() => reject(new Error(`${what} took 30 s`)), 30_000); })]);

const players = {
  async 'hls.js'(video, address, fail) {
    await import('/hls.js');
    const hls = new window.Hls();
    hls.on(window.Hls.Events.ERROR, (_, data) => data.fatal && fail(new Error(`${data.details} ${data.error}`)));
    hls.loadSource(address);
    hls.attachMedia(video);
  },
  async shaka(video, address, fail) {
    await import('/shaka.js');
    const shaka = new window.shaka.Player();
    await shaka.attach(video);
    const told = ({ code, data }) => fail(new Error(`shaka ${code} ${data}`));
    shaka.addEventListener('error', ({ detail }) => told(detail));
    await shaka.load(address).catch(told);
  },
};

/**
 * A playlist opened by a player: what it appends to its SourceBuffers, decoded at the times at which it puts it, and `shown`:
 * how light the element is after seeking to each of `moments`, [[seconds, whether it should be white]]. Once in a page.
 */
export async function byPlayer({ player, address, moments }) {
  const video = document.querySelector('video');
  const buffers = new Map();
  const { appendBuffer } = SourceBuffer.prototype;
  SourceBuffer.prototype.appendBuffer = function append(data) {
    if (!buffers.has(this)) buffers.set(this, []);
    buffers.get(this).push({ offset: this.timestampOffset, bytes: new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength).slice() });
    return appendBuffer.call(this, data);
  };
  const ended = new Promise((resolve) => {
    const { endOfStream } = MediaSource.prototype;
    MediaSource.prototype.endOfStream = function end(...reason) {
      resolve();
      return endOfStream.apply(this, reason);
    };
  });
  const failed = new Promise((_, reject) => {
    video.addEventListener('error', () => reject(new Error(video.error?.message)));
    players[player](video, address, reject).catch(reject);
  });
  await limited(Promise.race([ended, failed]), 'loading');
  const seen = { duration: video.duration, width: video.videoWidth, pictures: [], levels: [], shown: [] };
  for (const [moment, white] of moments) {
    const seeked = new Promise((resolve) => { video.addEventListener('seeked', resolve, { once: true }); });
    video.currentTime = moment;
    await limited(Promise.race([seeked, failed]), `seeking to ${moment}`);
    // A busy machine shows it later than it says.
    const see = () => light((to) => to.drawImage(video, 0, 0, 1, 1));
    for (let i = 0; i < 40 && white !== see() > 0.6; i += 1) await new Promise((resolve) => { setTimeout(resolve, 50); });
    seen.shown.push([moment, see()]);
  }
  for (const appended of buffers.values()) {
    // What a player fetched anew it appends anew.
    const same = (a, b) => a.bytes.length === b.bytes.length && a.bytes.every((byte, i) => byte === b.bytes[i]);
    const once = appended.filter((part, i) => appended.findIndex((other) => same(part, other)) === i);
    const decoded = await decode(new BufferSource(await new Blob(once.map((part) => part.bytes)).arrayBuffer()));
    const [{ offset }] = appended.slice(-1);
    for (const what of ['pictures', 'levels']) seen[what].push(...decoded[what].map(([time, value]) => [time + offset, value]));
  }
  return seen;
}
