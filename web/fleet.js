// The fleet: who works, what waits, and how far each job of every node is.
import * as api from './api.js';
import { bytes } from './format.js';
import { t } from './strings.js';

const EVERY = 5000; // ms

function line(text) {
  const item = document.createElement('li');
  item.textContent = text;
  return item;
}

const job = ({ kind, state, progress, worker, error }) =>
  `${t(`job.${kind}`)} ${t(`job.${state}`)}${state === 'running' ? ` (${Math.round(100 * progress)} %, ${worker})` : ''}${error && state !== 'done' ? `: ${error}` : ''}`;

export class FleetView {
  constructor(section, state, list) {
    Object.assign(this, { section, state, list });
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
    const open = recordings.map((one) => ({ ...one, jobs: one.jobs.filter(({ state }) => state !== 'done') })).filter(({ jobs: left }) => left.length);
    this.list.replaceChildren(
      ...nodes.map(({ name, sessions, most_sessions: most, free_bytes: free, draining }) =>
        line(t('fleet_node', { name, sessions, most, free: bytes(free), drained: draining ? t('fleet_drained') : '' }))),
      ...workers.map(({ name, running, slots, draining }) => line(t('fleet_worker', { name, running, slots, drained: draining ? t('fleet_drained') : '' }))),
      ...open.slice(0, 50).map(({ node, id, jobs: left }) => line(`${node}, ${id}: ${left.map(job).join('; ')}`)));
  }
}
