// Two handles on the time line of a player mark a part of the recording, to be saved as a file.
import { duration } from './format.js';
import { t } from './strings.js';

const FIRST_LENGTH = 30; // seconds
const SHORTEST = 0.1; // seconds between the handles

const stamp = (seconds) => `${duration(1000 * Math.floor(seconds))}.${Math.floor((seconds % 1) * 10)}`;

/** That hold its codecs: MP4 is not written with VP8, nor WebM with H.264 or H.265. */
function containers(stream) {
  const mimes = stream.program.renditions.flatMap(({ inits }) => inits.map(({ mime }) => mime)).join(' ');
  if (/avc1|hvc1|hev1/.test(mimes)) return ['mp4'];
  return /vp8/.test(mimes) ? ['webm'] : ['mp4', 'webm'];
}

export class Cutter {
  /** `bar`: the time line, which the handles are put on; `address`: the recording's. */
  constructor(video, stream, bar, { address, link }) {
    Object.assign(this, { video, stream, base: address, bar, link });
    this.from = 0;
    this.to = 0;
    this.range = Object.assign(document.createElement('div'), { className: 'cut' });
    this.handles = { from: this.handle('from', t('cut_start')), to: this.handle('to', t('cut_end')) };
    this.row = Object.assign(document.createElement('div'), { className: 'row cutting', hidden: true });
    this.text = Object.assign(document.createElement('span'), { className: 'quiet' });
    this.text.setAttribute('aria-live', 'polite');
    this.links = containers(stream).map((kind) => {
      const anchor = Object.assign(document.createElement('a'), { className: 'button', textContent: t('cut_save', { kind: kind === 'mp4' ? 'MP4' : 'WebM' }) });
      anchor.dataset.kind = kind;
      anchor.setAttribute('download', ''); // named by the server
      return anchor;
    });
    this.row.append(this.button(t('cut_from_here'), () => this.move('from', video.currentTime)),
      this.button(t('cut_to_here'), () => this.move('to', video.currentTime)), this.text, ...this.links);
    this.toggle = this.button(t('cut'), () => (this.row.hidden ? this.open() : this.close()));
    this.toggle.setAttribute('aria-expanded', 'false');
  }

  button(text, onclick) {
    return Object.assign(document.createElement('button'), { type: 'button', textContent: text, onclick });
  }

  handle(which, label) {
    const node = Object.assign(document.createElement('div'), { className: `handle ${which}`, tabIndex: 0 });
    node.setAttribute('role', 'slider');
    node.setAttribute('aria-label', label);
    node.setAttribute('aria-valuemin', 0);
    const look = (seconds) => {
      this.move(which, seconds);
      this.video.currentTime = this[which];
    };
    node.addEventListener('pointerdown', (event) => {
      event.stopPropagation();
      this.video.pause();
      node.setPointerCapture(event.pointerId);
    });
    node.addEventListener('pointermove', (event) => {
      if (!node.hasPointerCapture(event.pointerId)) return;
      event.stopPropagation();
      const box = this.bar.getBoundingClientRect();
      look(((event.clientX - box.left) / box.width) * this.stream.seconds);
    });
    node.addEventListener('keydown', (event) => {
      const step = event.shiftKey ? 0.1 : 1;
      const to = { ArrowLeft: this[which] - step, ArrowRight: this[which] + step, PageDown: this[which] - 10, PageUp: this[which] + 10, Home: 0, End: this.stream.seconds }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      look(to);
    });
    return node;
  }

  open() {
    this.from = Math.max(0, Math.min(this.video.currentTime, this.stream.seconds - 1));
    this.to = Math.min(this.from + FIRST_LENGTH, this.stream.seconds);
    this.bar.append(this.range, this.handles.from, this.handles.to);
    this.row.hidden = false;
    this.toggle.setAttribute('aria-expanded', 'true');
    this.show();
    this.handles.from.focus();
  }

  close() {
    this.row.hidden = true;
    this.toggle.setAttribute('aria-expanded', 'false');
    for (const node of [this.range, this.handles.from, this.handles.to]) node.remove();
  }

  move(which, seconds) {
    const most = this.stream.seconds;
    if (which === 'from') this.from = Math.min(Math.max(0, seconds), this.to - SHORTEST);
    else this.to = Math.max(Math.min(most, seconds), this.from + SHORTEST);
    this.show();
  }

  /** On the recording's timeline, where the program may begin later; a microsecond on, since both are rounded. */
  moment(seconds) {
    return (this.stream.program.offset + seconds + 1e-6).toFixed(6);
  }

  address(kind) {
    const query = new URLSearchParams({ from: this.moment(this.from), to: this.moment(this.to), stream: this.stream.program.id, download: '' });
    if (this.link) query.set('link', this.link);
    return `${this.base}/clip.${kind}?${query}`;
  }

  show() {
    const most = Math.max(this.stream.seconds, SHORTEST);
    const place = (seconds) => `${(100 * seconds) / most}%`;
    this.range.style.left = place(this.from);
    this.range.style.right = place(most - this.to);
    for (const which of ['from', 'to']) {
      const node = this.handles[which];
      node.style.left = place(this[which]);
      node.setAttribute('aria-valuemax', most.toFixed(1));
      node.setAttribute('aria-valuenow', this[which].toFixed(1));
      node.setAttribute('aria-valuetext', stamp(this[which]));
    }
    this.text.textContent = t('cut_span', { from: stamp(this.from), to: stamp(this.to) });
    for (const link of this.links) link.href = this.address(link.dataset.kind);
  }
}
