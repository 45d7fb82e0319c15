// Plays a recording from its packets by Media Source Extensions: reads play/index.json and the segments that it names,
// sound and picture apart. No conversion is needed. Works on what is still growing, too.
import { recordingAddress } from './api.js';
import { t } from './strings.js';

const AHEAD = 20; // seconds that are kept ready
const BEHIND = 60; // seconds that may stay in memory
const NUDGE = 0.3; // seconds without media that are passed over
const EDGE = 0.9; // seconds from the end of what there is, where watching what is being recorded begins
const CATCH_UP = 0.8; // seconds more than that, from which on it goes faster
const FAR = 4; // seconds: a keyframe that lies further back is not what watching begins with
const PATIENCE = 8; // looks for a nearer one

const once = (target, event) => new Promise((resolve) => { target.addEventListener(event, resolve, { once: true }); });

/** One SourceBuffer and where its segments come from. */
class Feed {
  constructor(stream, rendition) {
    this.stream = stream;
    this.rendition = rendition;
    this.loaded = new Set(); // "12": a segment, "12.3": a part of one
    this.init = null; // that the buffer has now
    this.mime = rendition.inits[0].mime;
    this.buffer = stream.source.addSourceBuffer(this.mime);
    this.loading = null;
  }

  indexAt(time) {
    const { segments } = this.rendition;
    let at = segments.findIndex(({ end }) => time < end);
    if (at < 0) at = segments.length - 1;
    return at;
  }

  /** Another layer comes with its next keyframe: where that is far, the picture is asked for anew. */
  showAnew({ start, end }) {
    const { video } = this.stream;
    if (!this.switched || video.currentTime < start || video.currentTime >= end) return;
    this.switched = false;
    if (video.paused || end - video.currentTime > 3) video.currentTime += 0.001;
  }

  /** Takes another layer from now on. */
  use(rendition) {
    this.abort();
    this.switched = true;
    this.rendition = rendition;
    this.loaded.clear();
  }

  abort() {
    this.loading?.abort();
    this.loading = null;
  }

  /** What is to be loaded next: { key, at, url, start, end }; null: nothing is needed now. */
  next() {
    const { currentTime } = this.stream.video;
    const { segments } = this.rendition;
    for (let at = this.indexAt(currentTime); at >= 0 && at < segments.length; at += 1) {
      const segment = segments[at];
      if (segment.start > currentTime + AHEAD) return null;
      if (segment.gap || this.loaded.has(`${at}`)) continue;
      const { url, parts } = segment;
      if (!segment.open && !this.loaded.has(`${at}.0`)) return { key: `${at}`, at, url, start: segment.start, end: segment.end };
      const part = parts?.findIndex((one, number) => one.url && !this.loaded.has(`${at}.${number}`)) ?? -1;
      if (part >= 0) return { key: `${at}.${part}`, at, ...parts[part] };
      if (segment.open) return null;
      if (!parts) return { key: `${at}`, at, url, start: segment.start, end: segment.end };
    }
    return null;
  }

  has(at) {
    const { parts } = this.rendition.segments[at];
    return this.loaded.has(`${at}`) || (parts?.every(({ url }, number) => !url || this.loaded.has(`${at}.${number}`)) ?? false);
  }

  isWhole() {
    const { segments } = this.rendition;
    return segments.every(({ end, gap }, at) => gap || this.has(at) || end <= this.stream.video.currentTime);
  }

  async operate(action) {
    if (this.buffer.updating) await once(this.buffer, 'updateend');
    action(this.buffer);
    if (this.buffer.updating) await once(this.buffer, 'updateend');
  }

  async append(bytes) {
    try {
      await this.operate((buffer) => buffer.appendBuffer(bytes));
    } catch (error) {
      if (error.name !== 'QuotaExceededError') throw error;
      await this.forget(5);
      await this.operate((buffer) => buffer.appendBuffer(bytes));
    }
  }

  /** Lets go of what lies further behind than so many seconds. */
  async forget(behind) {
    const until = this.stream.video.currentTime - behind;
    if (until <= 1) return;
    await this.operate((buffer) => buffer.remove(0, until));
    for (const key of this.loaded) {
      if (this.rendition.segments[parseInt(key, 10)].start < until) this.loaded.delete(key);
    }
  }

  async load(piece) {
    const loading = new AbortController();
    this.loading = loading;
    try {
      const { rendition } = this;
      const segment = rendition.segments[piece.at];
      const bytes = await this.stream.fetch(piece.url, loading.signal);
      const init = rendition.inits[segment.init];
      if (this.init !== init.url) {
        const head = await this.stream.fetch(init.url, loading.signal);
        if (loading.signal.aborted) return;
        if (init.mime !== this.mime) {
          await this.operate((buffer) => buffer.changeType(init.mime));
          this.mime = init.mime;
        }
        await this.append(head);
        this.init = init.url;
      }
      if (loading.signal.aborted) return;
      await this.append(bytes);
      if (this.rendition.id !== rendition.id) return;
      this.loaded.add(piece.key);
      this.showAnew(piece);
      await this.forget(BEHIND);
    } finally {
      if (this.loading === loading) this.loading = null;
    }
  }
}

export class Stream {
  /**
   * `address`: of a recording of another node. `link`: a signed link, where there is no login. `keys`: a ticket for the keys of an encrypted call. `soon`: there may be
   * nothing yet. `onError` is told why it stopped, `onGrow` that there is more, `onBegin` that another kind of media has begun.
   */
  constructor(video, recording, { address = recordingAddress(recording), link, keys, soon = false, onError = () => {}, onGrow = () => {}, onBegin = () => {} } = {}) {
    Object.assign(this, { video, onError, onGrow, onBegin, link, keys, soon });
    this.base = new URL(`${address}/play/`, location.href);
    Object.assign(this, { edge: EDGE, catchUpFrom: CATCH_UP });
    this.feeds = [];
    this.running = false;
  }

  async fetch(url, signal) {
    const answer = await fetch(new URL(url, this.base), { signal });
    if (!answer.ok) throw new Error(t('no_part', { status: answer.status }));
    return answer.arrayBuffer();
  }

  async index(after) {
    const query = new URLSearchParams();
    if (this.link) query.set('link', this.link);
    if (this.keys) query.set('keys', this.keys);
    if (after !== undefined) query.set('after', after);
    const answer = await fetch(new URL(`index.json?${query}`, this.base));
    if (!answer.ok) {
      const { detail } = await answer.json().catch(() => ({}));
      throw Object.assign(new Error(detail ?? t('answered', { status: answer.status })), { status: answer.status });
    }
    return answer.json();
  }

  /** The first one; of what begins just now, once there is something. */
  async firstIndex() {
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.index();
      } catch (error) {
        if (!this.soon || error.status !== 404 || tries === 40) throw error;
        await new Promise((resolve) => { setTimeout(resolve, 250); });
      }
    }
  }

  /** What can be chosen: { programs }. Then open() one. */
  async describe() {
    this.description ??= await this.firstIndex();
    return this.description;
  }

  playable(rendition) {
    return rendition.inits.every(({ mime }) => MediaSource.isTypeSupported(mime));
  }

  async open(number = 0) {
    await this.describe();
    this.close();
    await this.nearKeyframe(number);
    this.program = this.description.programs[number];
    const usable = this.program.renditions.filter((rendition) => this.playable(rendition));
    this.pictures = usable.filter(({ kind }) => kind === 'video').sort((a, b) => b.width * b.height - a.width * a.height);
    this.sounds = usable.filter(({ kind }) => kind === 'audio');
    if (usable.length === 0) throw new Error(t('no_codec'));
    this.source = new MediaSource();
    this.object = URL.createObjectURL(this.source);
    this.video.src = this.object;
    await once(this.source, 'sourceopen');
    this.source.duration = this.seconds;
    for (const [first] of [this.pictures, this.sounds]) if (first) this.feeds.push(new Feed(this, first));
    this.running = true;
    this.onMove = ({ type }) => {
      if (type === 'seeking' && Math.abs(this.video.currentTime - (this.target ?? 0)) > 0.1) this.target = undefined; // somebody looks back
      this.run();
    };
    for (const event of ['seeking', 'seeked', 'timeupdate', 'waiting', 'playing']) this.video.addEventListener(event, this.onMove);
    if (this.description.growing) {
      this.toLive();
      this.grow();
    }
    this.run();
  }

  /** The server asks for a keyframe when somebody looks: watching begins with it. */
  async nearKeyframe(number) {
    // There may be no part of its first segment yet.
    const isFar = ({ kind, segments }) => kind === 'video' && (segments.length === 0 || segments.at(-1).end - segments.at(-1).start > FAR);
    const far = ({ growing, programs }) => growing && programs[number].renditions.some(isFar);
    for (let tries = 0; tries < PATIENCE && far(this.description); tries += 1) this.description = await this.index(this.description.version);
  }

  /** How long the program is, as far as all of its parts are there. */
  get seconds() {
    if (!this.description.growing) return this.program.duration_ms / 1000;
    const ends = this.program.renditions.filter(({ segments }) => segments.length > 0).map(({ segments }) => segments.at(-1).end);
    return ends.length > 0 ? Math.min(...ends) : 0;
  }

  /** To what is being recorded now. */
  toLive() {
    this.target = Math.max(0, this.seconds - this.edge);
    this.video.currentTime = this.target;
  }

  /** Whoever watches what is being recorded, and has waited for it now and then, catches up unnoticed. */
  catchUp() {
    const behind = this.seconds - this.video.currentTime;
    const live = this.target !== undefined && behind < this.edge + 5;
    this.video.playbackRate = live && behind > this.edge + this.catchUpFrom ? 1.1 : 1;
  }

  /** Takes what is recorded meanwhile, until that is over. */
  async grow() {
    const { object } = this;
    while (this.running && this.object === object && this.description.growing) {
      let newer;
      try {
        newer = await this.index(this.description.version);
      } catch {
        await new Promise((resolve) => { setTimeout(resolve, 1000); }); // the server may be away for a moment
        continue;
      }
      const program = newer.programs.find(({ id }) => id === this.program.id);
      if (!this.running || this.object !== object || !program) continue;
      this.description = newer;
      const begun = program.renditions.some((rendition) => this.playable(rendition) && !this.chosen(rendition.kind));
      if (begun) {
        this.onBegin(newer.programs.indexOf(program));
        return;
      }
      this.program = program;
      const find = ({ id }) => program.renditions.find((rendition) => rendition.id === id);
      this.pictures = this.pictures.map((known) => find(known) ?? known);
      this.sounds = this.sounds.map((known) => find(known) ?? known);
      for (const feed of this.feeds) feed.rendition = find(feed.rendition) ?? feed.rendition;
      this.lengthen();
      this.catchUp();
      this.onGrow(this);
      this.run();
    }
  }

  /** The length that the element shows: only while nothing is being appended. */
  lengthen() {
    if (this.source.readyState !== 'open' || this.feeds.some(({ buffer }) => buffer.updating)) return;
    if (this.seconds > this.source.duration) this.source.duration = this.seconds;
  }

  run() {
    this.lengthen();
    for (const feed of this.feeds) this.feed(feed);
    this.passOver();
  }

  async feed(feed) {
    if (!this.running) return;
    const piece = feed.next();
    if (feed.loading) {
      // A seek elsewhere does not wait for what is no longer wanted.
      if (piece && piece.key !== feed.wanted.key && !this.isNear(feed.wanted)) feed.abort();
      else return;
    }
    if (!piece) {
      this.endIfWhole();
      return;
    }
    feed.wanted = piece;
    try {
      await feed.load(piece);
    } catch (error) {
      if (error.name === 'AbortError' || !this.running) return;
      this.running = false;
      this.onError(error);
      return;
    }
    this.feed(feed);
  }

  isNear({ start, end }) {
    const { currentTime } = this.video;
    return end > currentTime && start < currentTime + AHEAD;
  }

  endIfWhole() {
    // Firefox goes to the end when it is told so while it seeks.
    if (this.source.readyState !== 'open' || this.description.growing || this.video.seeking) return;
    if (this.feeds.every((feed) => feed.isWhole() && !feed.loading && !feed.buffer.updating)) this.source.endOfStream();
  }

  /** Where the media begin a moment later than asked for, playing would wait for ever. */
  passOver() {
    const { currentTime, buffered, paused, readyState } = this.video;
    if (readyState >= 3 || (paused && currentTime > 0)) return;
    for (let i = 0; i < buffered.length; i += 1) {
      const start = buffered.start(i);
      if (start > currentTime && start - currentTime < NUDGE) this.video.currentTime = start;
    }
  }

  /** Another layer of the picture, or another sound: from here on. */
  choose({ id }) {
    const rendition = [...this.pictures, ...this.sounds].find((one) => one.id === id);
    const feed = this.feeds.find((one) => one.rendition.kind === rendition.kind);
    if (!feed || feed.rendition === rendition) return;
    feed.use(rendition);
    this.run();
  }

  chosen(kind) {
    return this.feeds.find((feed) => feed.rendition.kind === kind)?.rendition;
  }

  close() {
    this.running = false;
    this.video.playbackRate = 1;
    for (const feed of this.feeds) feed.abort();
    this.feeds = [];
    for (const event of ['seeking', 'seeked', 'timeupdate', 'waiting', 'playing']) this.video.removeEventListener(event, this.onMove);
    if (this.object) URL.revokeObjectURL(this.object);
    this.object = null;
  }
}
