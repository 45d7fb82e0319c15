// The fleet: who works, what waits, and how far each job of every node is.
import * as api from './api.js';
import { bytes } from './format.js';
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

export class FleetView {
  constructor(section, state, list, recordings) {
    Object.assign(this, { section, state, list, recordings });
    this.shown = new Map();
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

  /** Those with something to do first, then the newest; what plays stays where it is. */
  showRecordings(recordings) {
    const left = ({ jobs }) => jobs.filter(({ state }) => state !== 'done');
    const first = recordings.toSorted((a, b) => (left(b).length > 0) - (left(a).length > 0) || (a.id < b.id ? 1 : -1)).slice(0, MOST);
    const items = new Map(first.map((one) => [one.play, this.shown.get(one.play) ?? this.item(one)]));
    for (const [key, item] of this.shown) {
      if (items.has(key)) continue;
      if (item.querySelector('.player')) items.set(key, item);
      else item.remove();
    }
    for (const one of first) {
      const item = items.get(one.play);
      item.firstChild.textContent = [`${one.node}, ${one.id}`, left(one).map(job).join('; ')].filter(Boolean).join(': ');
      if (!item.isConnected) this.recordings.append(item);
    }
    this.shown = items;
  }

  item({ node, id, play }) {
    const item = line('');
    const button = document.createElement('button');
    Object.assign(button, { type: 'button', textContent: t('play'), ariaLabel: t('play_it', { title: `${node}, ${id}` }) });
    button.addEventListener('click', async () => {
      if (item.querySelector('.player')) return closeStream(item);
      const failed = (error) => {
        closeStream(item);
        this.state.textContent = error.message;
      };
      return openStream(item, id, id, { address: play.replace(/\/play\/$/, ''), onError: failed }).catch(failed);
    });
    item.append(document.createElement('span'), ' ', button);
    return item;
  }
}
