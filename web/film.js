// The film that follows a recording under way, everybody in one picture: the server makes it as HLS, and what plays the
// page's recordings plays it, too.
import * as api from './api.js';
import { Stream } from './stream.js';
import { t } from './strings.js';

const LOOK = 1000; // ms from one look at the playlists to the next
const BEGINS = 60; // looks in which its first segment should come
const SEGMENT = 2; // seconds
const EDGE = 1.5 * SEGMENT; // seconds from the end of what there is, where watching begins

const attribute = (text, name) => new RegExp(`${name}="([^"]+)"`).exec(text)?.[1];

/** Segments of a media playlist: [{ init, start, end, url }]. */
function segmentsOf(text) {
  const segments = [];
  let end = 0;
  for (const [, length, url] of text.matchAll(/#EXTINF:([\d.]+),[^\n]*\n([^#\n]+)/g)) segments.push({ init: 0, start: end, end: end += Number(length), url });
  return segments;
}

export class FilmStream extends Stream {
  constructor(video, recording, options) {
    super(video, recording, options);
    this.base = new URL(`${api.recordingAddress(recording)}/film/`, location.href);
    this.recording = recording;
    Object.assign(this, { edge: EDGE, catchUpFrom: SEGMENT });
  }

  async text(url) {
    return new TextDecoder().decode(await this.fetch(url));
  }

  /** As play/index.json describes a recording. */
  async look() {
    const top = await this.text(this.link ? `index.m3u8?${new URLSearchParams({ link: this.link })}` : 'index.m3u8');
    const [pictureCodec, soundCodec] = attribute(top, 'CODECS').split(',');
    const [width, height] = /RESOLUTION=(\d+)x(\d+)/.exec(top).slice(1).map(Number);
    const of = async (id, kind, address, codec) => {
      const text = await this.text(address);
      const inits = [{ url: attribute(text, 'URI'), mime: `${kind}/mp4; codecs="${codec}"` }];
      return { id, kind, name: id, inits, segments: segmentsOf(text), lost: [], ended: text.includes('#EXT-X-ENDLIST') };
    };
    const picture = await of('picture', 'video', /^[^#\n].*$/m.exec(top)[0], pictureCodec);
    const sound = await of('sound', 'audio', attribute(top, 'URI'), soundCodec);
    Object.assign(picture, { width, height, rid: '', bits_per_second: Number(/BANDWIDTH=(\d+)/.exec(top)[1]) });
    const renditions = [picture, sound];
    const seconds = Math.min(...renditions.map(({ segments }) => segments.at(-1)?.end ?? 0));
    const growing = renditions.some(({ ended }) => !ended);
    return { version: `${growing} ${renditions.map(({ segments }) => segments.length)}`, growing, programs: [{ id: 'film', duration_ms: 1000 * seconds, renditions }] };
  }

  /** What there is; where that is known already, what there will be. */
  async index(after) {
    for (;;) {
      const now = await this.look();
      if (now.version !== after || !this.running) return now;
      await new Promise((resolve) => { setTimeout(resolve, LOOK); });
    }
  }

  /** Once it has begun. */
  async firstIndex() {
    for (let looks = 0; looks < BEGINS; looks += 1) {
      const { live_film: film } = await api.recording(this.recording, this.link);
      if (film?.url) return this.index();
      if (film?.state !== 'starting') throw new Error(t('no_film', { error: film?.error ?? '' }));
      await new Promise((resolve) => { setTimeout(resolve, LOOK); });
    }
    throw new Error(t('not_running'));
  }

  /** Its segments begin with keyframes. */
  async nearKeyframe() { /* nothing to wait for */ }
}

/** Asks for the film, where there is none yet. */
export async function begin(recording, layout) {
  try {
    await api.follow(recording, layout);
  } catch (error) {
    if (error.status !== 409) throw error; // somebody else has asked for it
  }
}
