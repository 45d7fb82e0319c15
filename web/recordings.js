// The list of recordings: finding them, and for each state, thumbnail, player, report, downloads, name and labels.
import * as api from './api.js';
import { Chosen } from './chosen.js';
import { askAndDelete, edit } from './dialogs.js';
import { begin as beginFilm } from './film.js';
import { bytes, day, duration } from './format.js';
import { encryptedPart } from './keys.js';
import { openPlayer } from './player.js';
import { addControls } from './player_controls.js';
import { t } from './strings.js';
import { closeStream, openStream } from './watcher.js';

const PAGE = 50;
const MOST = 500; // that the server tells at once
const TYPING = 120; // ms without a key before it is looked for
const STATES = ['recording', 'waiting', 'converting', 'ready', 'failed', 'cancelled', 'uploaded'];
const SORTS = { sort_newest: {}, sort_oldest: { order: 'asc' }, sort_name: { sort: 'name' }, sort_largest: { sort: 'bytes' }, sort_longest: { sort: 'duration' } };

const $ = (id) => document.getElementById(id);

/** What there is to say of an upload beside the state. */
function uploadText(upload) {
  if (upload?.state === 'failed') return t('upload_failed', upload);
  if (upload?.state === 'running' && upload.error) return t('upload_waits_for', upload);
  return { waiting: t('upload_waits'), running: t('uploading') }[upload?.state] ?? '';
}

export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Who took part; while it runs, who of them is away. */
const people = ({ participants = [] }) => participants
  .map(({ id, name, present }) => `${name || id}${present === false ? ` (${t('away')})` : ''}`).join(', ');

/** As the event stream names them. */
const presentIn = ({ participants = [] }) => participants.filter(({ present }) => present).map(({ id }) => id).sort();

export const titleOf = (recording) => recording.name || day(recording.created);

const layoutChoice = () => element('select', { ariaLabel: t('film_layout') },
  ...['grid', 'speaker', 'single-speaker', 'side-by-side', 'pip'].map((name) => element('option', { value: name }, t(`layout.${name}`))));

/** What tells a file from the others of its recording: its layer, and what it was made for. */
function kindOf(file, all) {
  const rid = file.id.split('_').pop();
  const layers = all.filter(({ format, profile }) => format === file.format && profile === file.profile).length > 1;
  const plain = ['', 'auto', 'fmp4', file.format].includes(file.profile);
  const format = file.format.toUpperCase();
  const several = !plain || all.some((other) => other.format !== all[0].format);
  return `${layers ? ` ${t(`layer.${rid}`).replace('layer.', '')}` : ''}${several ? ` ${plain ? format : `${file.profile} (${format})`}` : ''}`;
}

const isPlaying = (node) => node.querySelector('.player') !== null;

export class RecordingList {
  /** `only`: the id of the recording that alone is shown; null: all. */
  constructor(only, notice) {
    Object.assign(this, { only, notice, list: $('list'), empty: $('empty') });
    this.entries = new Map();
    this.recordings = new Map();
    this.chosen = new Chosen($('chosen'), this);
    $('find').hidden = only !== null;
    $('to-all').hidden = only === null;
    if (only !== null) $('recordings-title').textContent = t('one_recording');
    $('which-state').append(new Option(t('any_state'), ''), ...STATES.map((state) => new Option(t(`state.${state}`), state)));
    $('sort').append(...Object.keys(SORTS).map((id) => new Option(t(id), id)));
    const look = () => this.load().catch((error) => this.notice(error.message));
    $('words').addEventListener('input', () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(look, TYPING);
    });
    $('find').addEventListener('submit', (event) => event.preventDefault());
    for (const id of ['which-state', 'which-label', 'sort']) $(id).addEventListener('change', look);
    $('more').addEventListener('click', () => this.showMore().catch((error) => this.notice(error.message)));
  }

  query(extra) {
    const label = $('which-label').value;
    return { q: $('words').value.trim(), state: $('which-state').value, label, ...SORTS[$('sort').value], ...extra };
  }

  /** Whether it shows the newest of all. */
  get plain() {
    return !$('words').value.trim() && !$('which-state').value && !$('which-label').value && $('sort').value === 'sort_newest';
  }

  /** Anew, as much as was shown. */
  async load() {
    if (this.only !== null) return this.showOnly();
    const turn = this.turn = (this.turn ?? 0) + 1;
    const limit = Math.min(MOST, Math.max(PAGE, this.loadedFor === JSON.stringify(this.query()) ? this.entries.size : 0));
    const [page] = await Promise.all([api.recordings(this.query({ limit })), this.loadLabels()]);
    if (turn !== this.turn) return; // something else is looked for by now
    this.loadedFor = JSON.stringify(this.query());
    this.arrange(page.recordings);
    this.showEnd(page);
  }

  async showOnly() {
    try {
      const recording = await api.recording(this.only);
      document.title = `${titleOf(recording)} – rtpx`;
      this.arrange([recording]);
    } catch (error) {
      if (error.status !== 404) throw error;
      this.arrange([]);
    }
    this.empty.textContent = t('nothing_found');
    this.empty.hidden = this.entries.size > 0;
  }

  async loadLabels() {
    const { labels } = await api.labels();
    const select = $('which-label');
    const { value } = select;
    select.replaceChildren(new Option(t('any_label'), ''), ...labels.map(({ label, recordings }) => new Option(`${label} (${recordings})`, label)));
    if (value && !labels.some(({ label }) => label === value)) select.append(new Option(value, value));
    select.value = value;
    select.hidden = labels.length === 0;
  }

  async showMore() {
    const page = await api.recordings(this.query({ limit: PAGE, after: this.next }));
    for (const recording of page.recordings) this.list.append(this.entryOf(recording));
    this.showEnd(page);
  }

  showEnd({ next, total }) {
    this.next = next;
    this.total = total;
    $('more').hidden = !next;
    this.count();
  }

  count() {
    $('shown').textContent = this.total > this.entries.size ? t('shown', { shown: this.entries.size, total: this.total }) : '';
    this.empty.textContent = this.plain ? t('empty') : t('nothing_found');
    this.empty.hidden = this.entries.size > 0;
    this.chosen.show();
  }

  /** These and no others, in this order. What plays goes on: it stays, and is never moved. */
  arrange(recordings) {
    const wanted = recordings.map((recording) => this.entryOf(recording));
    for (const [id, node] of this.entries) {
      if (!wanted.includes(node) && !isPlaying(node)) this.drop(id);
    }
    let at = this.list.firstElementChild;
    for (const node of wanted) {
      while (at && at !== node && isPlaying(node) && node.parentNode === this.list && !isPlaying(at)) {
        const next = at.nextElementSibling;
        at.remove(); // it comes again at its own place
        at = next;
      }
      if (at === node) at = at.nextElementSibling;
      else if (!isPlaying(node) || node.parentNode !== this.list) this.list.insertBefore(node, at);
    }
  }

  clear() {
    for (const id of [...this.entries.keys()]) this.drop(id);
  }

  /** From the event stream: what changed. The list is asked for only where the stream cannot tell. */
  async update({ recordings, sessions, reset }) {
    this.showSizes(sessions);
    try {
      if (reset) await this.load();
      else for (const change of recordings) await this.change(change);
    } catch (error) {
      this.notice(error.message);
    }
  }

  /** Of what is being recorded. */
  showSizes(sessions) {
    const sizes = new Map();
    for (const { recording, bytes: size } of sessions) sizes.set(recording, (sizes.get(recording) ?? 0) + size);
    for (const [id, size] of sizes) {
      const node = this.entries.get(id)?.querySelector('.size');
      if (node) node.textContent = bytes(size);
    }
  }

  async change({ id, state, upload, progress, seconds_left: left, paused, present }) {
    const known = this.entries.get(id);
    const bar = known?.querySelector('progress');
    if (state === 'removed') {
      if (known) {
        this.total -= 1;
        this.drop(id);
      }
    } else if (this.only !== null && id !== this.only) {
      return;
    } else if (bar && state === 'converting') {
      bar.value = progress;
      bar.title = left === undefined ? '' : t('seconds_left', { seconds: Math.ceil(left) });
    } else if (known && known.dataset.state === `${state} ${upload} ${paused ?? false} ${[...(present ?? [])].sort()}`) {
      return;
    } else if (known) {
      this.entryOf(await api.recording(id));
    } else if (this.plain && this.only === null) {
      const node = this.entryOf(await api.recording(id));
      const { created } = this.recordings.get(id);
      const older = [...this.list.children].find((other) => this.recordings.get(other.dataset.id)?.created <= created);
      this.list.insertBefore(node, older ?? null);
      this.total = (this.total ?? 0) + 1;
    } else {
      this.loadSoon();
    }
    this.count();
  }

  /** Something may belong into what was looked for. */
  loadSoon() {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.load().catch((error) => this.notice(error.message)), 1000);
  }

  drop(id) {
    this.entries.get(id)?.remove();
    this.entries.delete(id);
    this.recordings.delete(id);
    this.chosen.forget(id);
  }

  /** Its node, rendered anew where something has changed. */
  entryOf(recording) {
    const signature = JSON.stringify({ ...recording, progress: 0, seconds_left: 0 });
    let node = this.entries.get(recording.id);
    if (!node || node.dataset.signature !== signature) {
      this.recordings.set(recording.id, recording);
      node = this.render(recording, node);
      node.dataset.signature = signature;
      node.dataset.id = recording.id;
      node.dataset.state = `${recording.state} ${recording.upload?.state} ${recording.paused ?? false} ${presentIn(recording)}`;
      this.entries.set(recording.id, node);
    }
    return node;
  }

  /** A recording that the page's address names (#recording-ID) is shown, however old it is. */
  showHash() {
    const id = /^#recording-(.+)$/.exec(decodeURIComponent(location.hash))?.[1];
    if (!id || this.only !== null) return;
    if (this.entries.has(id)) this.entries.get(id).scrollIntoView();
    else location.replace(`/r/${encodeURIComponent(id)}`);
  }

  /** Into `item` where there is one: what plays in it goes on. */
  render(recording, item = element('li', { id: `recording-${recording.id}` })) {
    const title = titleOf(recording);
    const first = recording.files.find((file) => file.thumbnail_url) ?? recording.files[0];
    const close = () => closeStream(item);
    const play = (file) => {
      closeStream(item);
      const opened = openPlayer(item, file, title);
      addControls(item, close);
      return opened;
    };
    const watch = (film = false) => {
      const opened = openStream(item, recording.id, title, { soon: recording.state === 'recording', film, onError: (error) => this.notice(error.message) });
      addControls(item, close);
      return opened.catch((error) => {
        closeStream(item);
        this.notice(error.message);
      });
    };
    const watchable = recording.tracks.length > 0 && !recording.encrypted;
    const thumbnail = element('button', { className: 'thumbnail', type: 'button', disabled: !first && !watchable },
      first?.thumbnail_url ? element('img', { src: first.thumbnail_url, alt: '', loading: 'lazy' }) : '');
    if (!first?.thumbnail_url) thumbnail.dataset.state = t(`state.${recording.state}`); // drawn by the style sheet: the state is told below
    thumbnail.setAttribute('aria-label', first || watchable ? t(recording.state === 'recording' ? 'watch_it' : 'play_it', { title }) : t('not_yet', { title }));
    thumbnail.addEventListener('click', () => (watchable ? watch() : play(first)));
    const facts = [day(recording.created), people(recording), recording.continues ? t('continues', { recording: recording.continues }) : null, recording.duration_ms ? duration(recording.duration_ms) : null,
      element('span', { className: 'size' }, bytes(recording.bytes)), recording.tracks.map((track) => track.codec?.split('/')[1] ?? track.kind).join(' + ')];
    const quiet = (text) => (text ? element('span', { className: 'quiet' }, text) : null);
    const entry = element('div', { className: 'entry' },
      thumbnail,
      element('div', {},
        element('div', { className: 'title' },
          this.chosen.box(recording.id, title),
          element('h3', { id: `title-${recording.id}` }, element('a', { href: `/r/${encodeURIComponent(recording.id)}` }, title))),
        element('p', { className: 'quiet' }, ...facts.filter(Boolean).flatMap((fact, index) => (index > 0 ? [' · ', fact] : [fact]))),
        this.labelsOf(recording),
        element('p', { className: 'row' },
          element('span', { className: `state ${recording.state}` }, t(`state.${recording.paused ? 'paused' : recording.state}`)),
          recording.state === 'converting' ? element('progress', { value: recording.progress ?? 0, ariaLabel: t('conversion') }) : null,
          recording.has_losses ? quiet(t('losses')) : null, quiet(uploadText(recording.upload)), quiet(recording.error)),
        this.actions(recording, play, watchable ? watch : null)));
    const before = item.querySelector('.entry');
    if (before?.querySelector('.files')?.open) entry.querySelector('.files')?.setAttribute('open', '');
    if (before) before.replaceWith(entry);
    else item.prepend(entry);
    item.keys?.remove();
    item.keys = recording.encrypted ? item.appendChild(encryptedPart(recording, item, title)) : null;
    // A screen reader says of which recording a button is.
    for (const button of item.querySelectorAll('.entry button, .entry a.button')) button.setAttribute('aria-describedby', `title-${recording.id}`);
    return item;
  }

  labelsOf({ labels, metadata }) {
    const rest = Object.entries(metadata).map(([name, value]) => `${name}: ${value}`).join(' · ');
    if (labels.length === 0 && !rest) return null;
    const row = element('p', { className: 'row' });
    for (const label of labels) {
      row.append(element('button', { type: 'button', className: 'chip', title: t('only_label', { label }), onclick: () => this.only === null && this.showLabel(label) }, label));
    }
    if (rest) row.append(element('span', { className: 'quiet' }, rest));
    return row;
  }

  showLabel(label) {
    const select = $('which-label');
    if (![...select.options].some(({ value }) => value === label)) select.append(new Option(label, label));
    select.value = label;
    select.dispatchEvent(new Event('change'));
  }

  actions(recording, play, watch) {
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
    if (watch) row.append(button(t('watch'), () => watch()), ...this.liveFilmActions(recording, watch, button, run));
    row.append(...this.fileActions(recording, play, button, run));
    if (recording.report_url) row.append(element('a', { className: 'button', href: recording.report_url, target: '_blank' }, t('report')));
    if (recording.files.length > 0) row.append(button(t('share'), run(() => this.share(recording))));
    row.append(button(t('edit'), run(() => edit(recording))));
    if (['failed', 'cancelled'].includes(recording.state)) row.append(button(t('convert'), run(() => api.convert(recording.id))));
    if (['ready', 'uploaded'].includes(recording.state)) {
      row.append(button(t('convert_again'), run(() => api.convert(recording.id))));
      if (!recording.files.some(({ format }) => format === 'mp4')) row.append(button(t('make_mp4'), run(() => api.convert(recording.id, ['auto', 'mp4']))));
    }
    if (['ready', 'uploaded'].includes(recording.state) && recording.outputs?.some(({ state }) => state === 'failed')) {
      row.append(button(t('make_missing'), run(() => api.makeMissing(recording.id))));
    }
    if (recording.upload?.state === 'failed') row.append(button(t('upload_again'), run(() => api.upload(recording.id))));
    if (recording.state === 'converting') row.append(button(t('cancel'), run(() => api.cancelConversion(recording.id))));
    if (recording.state === 'recording') {
      row.append(recording.paused ? button(t('go_on'), run(() => api.resume(recording.id))) : button(t('pause'), run(() => api.pause(recording.id))),
        button(t('end'), run(() => api.end(recording.id))));
    }
    if (!['recording', 'converting'].includes(recording.state)) row.append(button(t('delete'), run(() => this.delete([recording])), 'danger'));
    return row;
  }

  /** Of its files and its film. */
  fileActions(recording, play, button, run) {
    const out = [];
    const files = recording.files.map((file) => {
      const kind = kindOf(file, recording.files);
      return [button(`${t('play')}${kind}`, () => play(file)),
        element('a', { className: 'button', href: `${file.url}?download`, download: '' }, `${t('download')}${kind} (${bytes(file.bytes)})`)];
    });
    const several = new Set(recording.files.map(({ profile }) => profile)).size > 1;
    if (several && files.length > 2) {
      out.push(element('details', { className: 'files' }, element('summary', { className: 'button' }, t('files', { count: files.length })),
        ...files.map((actions) => element('div', { className: 'row' }, ...actions))));
    } else {
      out.push(...files.flat());
    }
    if (recording.film?.url) {
      out.push(button(t('play_film'), () => play({ ...recording.film, id: 'film', name: 'film.mp4' })),
        element('a', { className: 'button', href: `${recording.film.url}?download`, download: '' }, t('download_film')));
    }
    if (['waiting', 'running'].includes(recording.film?.state)) {
      out.push(element('progress', { value: recording.film.progress ?? 0, ariaLabel: t('film') }), button(t('cancel_film'), run(() => api.cancelFilm(recording.id))));
      this.follow(recording.id);
    } else if (recording.files.length > 0) {
      const layout = layoutChoice();
      out.push(layout, button(t('make_film'), run(() => api.compose(recording.id, layout.value))));
    }
    if (recording.film?.state === 'failed') out.push(element('span', { className: 'quiet' }, t('no_film', recording.film)));
    return out;
  }

  /** Of the film that follows it. */
  liveFilmActions({ id, state, participants = [], live_film: film }, watch, button, run) {
    const goesOn = ['starting', 'running'].includes(film?.state);
    const out = [];
    if (goesOn || film?.url) out.push(button(t('watch_film'), () => watch(true)));
    if (goesOn) out.push(button(t('end_film'), run(() => api.cancelFilm(id))));
    if (film?.error) out.push(element('span', { className: 'quiet' }, t('no_film', film)));
    if (goesOn || state !== 'recording' || participants.length < 2) return out;
    const layout = layoutChoice();
    const begin = async () => {
      await beginFilm(id, layout.value);
      await this.load();
      await watch(true);
    };
    out.push(layout, button(t('watch_as_film'), () => begin().catch((error) => this.notice(error.message))));
    return out;
  }

  /** A film is being made: looks again until it is there. */
  follow(id) {
    this.following ??= new Set();
    if (this.following.has(id)) return;
    this.following.add(id);
    setTimeout(async () => {
      this.following.delete(id);
      if (!this.entries.has(id)) return;
      try {
        this.entryOf(await api.recording(id));
      } catch (error) {
        this.notice(error.message);
      }
    }, 2000);
  }

  async share(recording) {
    const link = await api.share(recording.id, 24 * 3600);
    await navigator.clipboard?.writeText(link).catch(() => {});
    this.notice(t('shared', { title: titleOf(recording), link }));
  }

  /** After asking; then the focus is on what comes next. */
  async delete(recordings) {
    const next = this.entries.get(recordings.at(-1).id)?.nextElementSibling;
    if (!(await askAndDelete(recordings))) return;
    for (const { id } of recordings) this.drop(id);
    (next?.isConnected ? next.querySelector('h3 a') : $('recordings')).focus();
  }
}
