// The list of recordings: state, thumbnail, player with scrub pictures, report, download, deletion.
import * as api from './api.js';
import { bytes, day, duration } from './format.js';
import { openPlayer } from './player.js';

const stateText = {
  recording: 'recording', waiting: 'waiting', converting: 'converting', ready: 'ready',
  failed: 'failed', cancelled: 'not converted', uploaded: 'uploaded',
};

/** What there is to say of an upload beside the state. */
function uploadText(upload) {
  if (upload?.state === 'failed') return `not uploaded: ${upload.error}`;
  if (upload?.state === 'running' && upload.error) return `upload waits: ${upload.error}`;
  return { waiting: 'waits for upload', running: 'uploading …' }[upload?.state] ?? '';
}

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const titleOf = (recording) => recording.name || day(recording.created);

export class RecordingList {
  constructor(list, empty, notice) {
    Object.assign(this, { list, empty, notice });
    this.entries = new Map();
  }

  async load() {
    const { recordings } = await api.recordings();
    const ids = new Set(recordings.map((recording) => recording.id));
    for (const id of this.entries.keys()) {
      if (!ids.has(id)) this.drop(id);
    }
    recordings.forEach((recording, index) => this.place(recording, index));
    this.empty.hidden = recordings.length > 0;
  }

  /** From the event stream: what changed. All is asked for only where the stream cannot tell. */
  async update({ recordings, reset }) {
    try {
      if (reset) await this.load();
      else for (const change of recordings) await this.change(change);
    } catch (error) {
      this.notice(error.message);
    }
  }

  async change({ id, state, upload, progress, seconds_left: left }) {
    const known = this.entries.get(id);
    const bar = known?.querySelector('progress');
    if (state === 'removed') {
      this.drop(id);
    } else if (bar && state === 'converting') {
      bar.value = progress;
      bar.title = left === undefined ? '' : `about ${Math.ceil(left)} s left`;
    } else if (!known || known.dataset.state !== `${state} ${upload}`) {
      const recording = await api.recording(id);
      const newer = [...this.entries.keys()].filter((other) => other > id);
      this.place(recording, newer.length);
    }
    this.empty.hidden = this.entries.size > 0;
  }

  drop(id) {
    this.entries.get(id)?.remove();
    this.entries.delete(id);
  }

  place(recording, index) {
    const signature = JSON.stringify({ ...recording, progress: 0, seconds_left: 0 });
    let node = this.entries.get(recording.id);
    if (!node || node.dataset.signature !== signature) {
      const fresh = this.render(recording);
      fresh.dataset.signature = signature;
      fresh.dataset.state = `${recording.state} ${recording.upload?.state}`;
      node?.replaceWith(fresh);
      this.entries.set(recording.id, fresh);
      node = fresh;
    }
    if (this.list.children[index] !== node) this.list.insertBefore(node, this.list.children[index] ?? null);
  }

  render(recording) {
    const item = element('li', { id: `recording-${recording.id}` });
    const first = recording.files.find((file) => file.thumbnail_url) ?? recording.files[0];
    const play = (file) => openPlayer(item, file, titleOf(recording));
    const thumbnail = element('button', { className: 'thumbnail', type: 'button', disabled: !first },
      first?.thumbnail_url ? element('img', { src: first.thumbnail_url, alt: '', loading: 'lazy' }) : stateText[recording.state]);
    thumbnail.setAttribute('aria-label', first ? `Play ${titleOf(recording)}` : `${titleOf(recording)} cannot be played yet`);
    if (first) thumbnail.addEventListener('click', () => play(first));
    const facts = [day(recording.created), recording.continues ? `goes on from ${recording.continues}` : null, recording.duration_ms ? duration(recording.duration_ms) : null, bytes(recording.bytes),
      recording.tracks.map((track) => track.codec?.split('/')[1] ?? track.kind).join(' + ')];
    item.append(element('div', { className: 'entry' },
      thumbnail,
      element('div', {},
        element('h3', { id: `title-${recording.id}` }, titleOf(recording)),
        element('p', { className: 'quiet' }, facts.filter(Boolean).join(' · ')),
        element('p', { className: 'row' },
          element('span', { className: `state ${recording.state}` }, stateText[recording.state]),
          recording.state === 'converting' ? element('progress', { value: recording.progress ?? 0, ariaLabel: 'Conversion' }) : null,
          recording.has_losses ? element('span', { className: 'quiet' }, 'with losses: see the report') : null,
          uploadText(recording.upload) ? element('span', { className: 'quiet' }, uploadText(recording.upload)) : null,
          recording.error ? element('span', { className: 'quiet' }, recording.error) : null),
        this.actions(recording, play))));
    // A screen reader says of which recording a button is.
    for (const button of item.querySelectorAll('.entry button, .entry a')) button.setAttribute('aria-describedby', `title-${recording.id}`);
    return item;
  }

  actions(recording, play) {
    const run = (action) => async () => {
      try {
        await action();
        await this.load();
      } catch (error) {
        this.notice(error.message);
      }
    };
    const button = (text, onclick, className = '') => element('button', { type: 'button', onclick, className }, text);
    const row = element('div', { className: 'row' });
    for (const file of recording.files) {
      const suffix = recording.files.length > 1 ? ` ${file.id.split('_').pop()}` : '';
      row.append(button(`Play${suffix}`, () => play(file)),
        element('a', { className: 'button', href: `${file.url}?download`, download: file.name }, `Download${suffix} (${bytes(file.bytes)})`));
    }
    if (recording.report_url) row.append(element('a', { className: 'button', href: recording.report_url, target: '_blank' }, 'Quality report'));
    if (recording.files.length > 0) row.append(button('Share for a day', run(() => this.share(recording))));
    if (['failed', 'cancelled'].includes(recording.state)) row.append(button('Convert', run(() => api.convert(recording.id))));
    if (recording.state === 'converting') row.append(button('Cancel', run(() => api.cancelConversion(recording.id))));
    if (!['recording', 'converting'].includes(recording.state)) row.append(button('Delete', run(() => this.askAndDelete(recording)), 'danger'));
    return row;
  }

  async share(recording) {
    const link = await api.share(recording.id, 24 * 3600);
    await navigator.clipboard?.writeText(link).catch(() => {});
    this.notice(`Whoever has this link sees “${titleOf(recording)}” for a day: ${link}`);
  }

  askAndDelete(recording) {
    const dialog = document.getElementById('confirm');
    document.getElementById('confirm-text').textContent =
      `“${titleOf(recording)}” (${bytes(recording.bytes)}) and everything converted from it will be gone.`;
    dialog.returnValue = '';
    dialog.showModal();
    return new Promise((resolve, reject) => {
      dialog.addEventListener('close', () => {
        if (dialog.returnValue === 'yes') api.remove(recording.id).then(resolve, reject);
        else resolve();
      }, { once: true });
    });
  }
}
