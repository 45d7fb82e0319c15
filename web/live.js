// Who sends to the server now, and how well it arrives.
import { bitRate, duration } from './format.js';
import { t } from './strings.js';

const ms = (value) => (value === undefined ? '–' : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);

/** What there is to say of a stream: the title's name, text. Of a layer that is gone there is no rate. */
const COLUMNS = [
  ['stream', (stream, track) => [track.codec.split('/')[1] || track.kind, stream.rid].filter(Boolean).join(' ')],
  ['bit_rate', (stream) => bitRate(stream.bits_per_second)],
  ['lost', (stream) => t('lost_of', { lost: stream.lost, all: stream.packets + stream.lost - stream.recovered })],
  ['came_again', (stream) => stream.recovered],
  ['given_up', (stream) => stream.unrepaired],
  ['nacks', (stream) => stream.unanswered_nacks],
  ['jitter', (stream) => ms(stream.jitter_ms)],
  ['keyframe_every', (stream) => (stream.keyframe_distance_ms === undefined ? '–' : `${(stream.keyframe_distance_ms / 1000).toFixed(1)} s`)],
];

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ''));
  return node;
}

function table(session) {
  const rows = session.tracks.flatMap((track) => track.streams.map((stream) => [track, stream]));
  if (rows.length === 0) return null;
  const head = element('tr', {}, ...COLUMNS.map(([title]) => element('th', { scope: 'col' }, t(title))));
  const body = rows.map(([track, stream]) => element('tr', {}, ...COLUMNS.map(([, text], index) =>
    element(index === 0 ? 'th' : 'td', index === 0 ? { scope: 'row' } : {}, String(text(stream, track))))));
  return element('div', { className: 'scroll', tabIndex: 0 }, element('table', {}, element('thead', {}, head), element('tbody', {}, ...body)));
}

function stateOf(session) {
  if (session.connected) return session.paused_tracks ? t('state.paused') : t('connected');
  return t('not_connected');
}

export class LiveList {
  constructor(section, list) {
    Object.assign(this, { section, list });
  }

  /** Anew each second: there is nothing in it to click or to type. */
  show(sessions) {
    this.section.hidden = sessions.length === 0;
    const items = sessions.map((session) => {
      const who = session.participant?.name || session.participant?.id || session.name || session.recording;
      const dropped = Object.entries(session.dropped ?? {}).map(([reason, count]) => `${count} ${reason.replaceAll('_', ' ')}`);
      const facts = [stateOf(session), session.participant && t('in_recording', { name: session.name }), session.age_ms !== undefined && duration(session.age_ms),
        session.bits_per_second !== undefined && bitRate(session.bits_per_second), session.rtt_ms !== undefined && t('round_trip_of', { ms: ms(session.rtt_ms) }),
        dropped.length > 0 && t('dropped', { reasons: dropped.join(', ') })];
      return element('li', { id: `session-${session.session}` },
        element('h3', {}, who),
        element('p', { className: 'quiet' }, facts.filter(Boolean).join(' · ')),
        session.hint && element('p', { className: 'notice' }, session.hint),
        table(session));
    });
    this.list.replaceChildren(...items);
  }
}
