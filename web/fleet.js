// The fleet: who works, what waits, and how far each job of every node is.
import * as api from './api.js';
import { groupsOf } from './fleet_parts.js';
import { bytes } from './format.js';
import { openPlayer } from './player.js';
import { t } from './strings.js';
import { closeStream, openStream } from './watcher.js';

const EVERY = 5000; // ms
const MOST = 50; // recordings

function line(text) {
  const item = document.createElement('li');
  item.textContent = text;
  return item;
}

const job = ({ kind, state, progress, worker, error }) =>
  `${t(`job.${kind}`)} ${t(`job.${state}`)}${state === 'running' ? ` (${Math.round(100 * progress)} %, ${worker})` : ''}${error && state !== 'done' ? `: ${error}` : ''}`;

/** What there is to say of a recording before any job is known of it. */
const ofState = ({ state, away, node }) =>
  [{ recording: t('state.recording'), storing: t('fleet_storing') }[state], away && t('fleet_node_away', { node })].filter(Boolean).join(', ');

const isPlaying = (item) => item.querySelector('.player') !== null;

/** The film of all recordings of a group: of whichever of them it was ordered. */
const filmOf = (group) => group.map((one) => ({ one, film: one.jobs.find(({ kind, parts }) => kind === 'compose' && parts) }))
  .find(({ film }) => film) ?? { one: group[0] };

export class FleetView {
  /** `makes`: whether who looks may order films. */
  constructor(section, state, list, recordings, makes) {
    Object.assign(this, { section, state, list, recordings, makes });
    this.shown = new Map();
    this.groups = new Map();
  }

  follow() {
    this.section.hidden = false;
    const again = () => this.show().catch((error) => { this.state.textContent = error.message; });
    again();
    setInterval(() => document.hidden || again(), EVERY);
  }

  async show() {
    const { connected, jobs, nodes, workers, oldest_waiting_seconds: oldest } = await api.fleet();
    this.state.textContent = connected
      ? t('fleet_jobs', { ...jobs, oldest: oldest ? t('fleet_oldest', { seconds: oldest }) : '' })
      : t('fleet_away');
    const { recordings } = await api.fleetRecordings();
    this.list.replaceChildren(
      ...nodes.map(({ name, sessions, most_sessions: most, free_bytes: free, draining }) =>
        line(t('fleet_node', { name, sessions, most, free: bytes(free), drained: draining ? t('fleet_drained') : '' }))),
      ...workers.map(({ name, running, slots, draining }) => line(t('fleet_worker', { name, running, slots, drained: draining ? t('fleet_drained') : '' }))),
    );
    this.showRecordings(recordings);
  }

  /** What is being recorded, then those with something to do, then the newest; what plays stays where it is. */
  showRecordings(recordings) {
    const left = ({ jobs }) => jobs.filter(({ state }) => state !== 'done');
    const rank = (one) => (one.state === 'stored' ? Number(left(one).length === 0) + 1 : 0);
    const first = recordings.toSorted((a, b) => rank(a) - rank(b) || (a.id < b.id ? 1 : -1)).slice(0, MOST);
    const items = new Map(first.map((one) => [one.play, this.shown.get(one.play) ?? this.item(one)]));
    for (const one of first) {
      const item = items.get(one.play);
      item.soon = one.state === 'recording';
      const title = [one.node, one.name, one.id].filter(Boolean).join(', ');
      item.firstChild.textContent = [title, ofState(one), left(one).map(job).join('; ')].filter(Boolean).join(': ');
    }
    const at = new Map(first.map((one, index) => [one.play, index]));
    const place = ({ play }) => at.get(play);
    const groups = groupsOf(first).sort((a, b) => Math.min(...a.map(place)) - Math.min(...b.map(place)));
    this.arrange(groups, items);
    for (const [key, item] of this.shown) {
      if (items.has(key)) continue;
      if (isPlaying(item)) items.set(key, item);
      else item.remove();
    }
    this.shown = items;
  }

  /** Each recording under its group, where it is in one. */
  arrange(groups, items) {
    const shown = new Map();
    for (const group of groups) {
      const many = group.length > 1 ? this.groups.get(group[0].play) ?? this.group() : null;
      if (many) {
        shown.set(group[0].play, many);
        this.describe(many, group);
        if (!many.isConnected) this.recordings.append(many);
      }
      for (const { play } of group) {
        const item = items.get(play);
        const list = many?.parts ?? this.recordings;
        if (item.parentNode !== list && !(item.isConnected && isPlaying(item))) list.append(item);
      }
    }
    for (const [key, old] of this.groups) {
      if (shown.has(key)) continue;
      if (isPlaying(old)) shown.set(key, old);
      else old.remove();
    }
    this.groups = shown;
  }

  group() {
    const item = line('');
    const button = (action) => {
      const made = Object.assign(document.createElement('button'), { type: 'button' });
      made.addEventListener('click', () => action().catch((error) => { this.state.textContent = error.message; }));
      return made;
    };
    item.make = button(async () => {
      const { one, film } = item.film;
      await api.fleetFilm(one.node, one.id);
      item.ordered = { node: one.node, id: one.id, after: film?.generation ?? 0 }; // the fleet takes a moment to tell of it
      await this.show();
    });
    item.play = button(() => this.playFilm(item));
    item.make.textContent = t('make_film');
    item.play.textContent = t('play_film');
    item.screen = document.createElement('div');
    item.parts = document.createElement('ul');
    item.append(document.createElement('span'), ' ', item.make, ' ', item.play, item.screen, item.parts);
    return item;
  }

  describe(item, group) {
    item.film = filmOf(group);
    const { one, film } = item.film;
    const { after, node, id } = item.ordered ?? {};
    const isOld = node === one.node && id === one.id && (film?.generation ?? 0) <= after;
    const state = isOld ? 'waiting' : film?.state;
    item.firstChild.textContent = t('fleet_group', { key: group[0].key, count: group.length });
    item.make.hidden = !this.makes || group.some((one) => one.state !== 'stored');
    item.make.disabled = ['waiting', 'running'].includes(state);
    item.play.hidden = state !== 'done';
  }

  async playFilm(item) {
    if (isPlaying(item.screen)) return item.screen.replaceChildren();
    const { node, id } = item.film.one;
    const { jobs } = await api.fleetRecording(node, id);
    const { files = [] } = jobs.find(({ kind }) => kind === 'compose') ?? {};
    const url = (name) => files.find((file) => file.name === name)?.url;
    const film = { id: 'film', url: url('film.mp4'), thumbnail_url: url('film.mp4_thumbnail.jpg'), sprites_url: url('film.mp4_sprites.vtt') };
    if (!film.url) throw new Error(t('no_film', { error: '' }));
    return openPlayer(item.screen, film, id);
  }

  item({ node, id, play }) {
    const item = line('');
    const button = document.createElement('button');
    Object.assign(button, { type: 'button', textContent: t('play'), ariaLabel: t('play_it', { title: `${node}, ${id}` }) });
    button.addEventListener('click', async () => {
      if (isPlaying(item)) return closeStream(item);
      const failed = (error) => {
        closeStream(item);
        this.state.textContent = error.message;
      };
      return openStream(item, id, id, { address: play.replace(/\/play\/$/, ''), soon: item.soon, onError: failed }).catch(failed);
    });
    item.append(document.createElement('span'), ' ', button);
    return item;
  }
}
