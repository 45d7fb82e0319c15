// Calls of the server's API. What fails throws an Error with a sentence for the person.
import { t } from './strings.js';

async function call(method, url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, { method, ...options });
  } catch {
    throw new Error(t('not_running'));
  }
  if (answer.ok) return answer;
  let detail = t('answered', { status: answer.status });
  try {
    detail = (await answer.json()).detail ?? detail;
  } catch { /* no problem document */ }
  throw Object.assign(new Error(detail), { status: answer.status });
}

const json = async (method, url, body) =>
  (await call(method, url, body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })).json();

export const recordingAddress = (id) => `/api/recordings/${encodeURIComponent(id)}`;
export const configuration = () => json('GET', '/api/config');
/** A page of the library: `recordings`, `total`, and `next`, to be given as `after`. */
export const recordings = (query = {}) =>
  json('GET', `/api/recordings?${new URLSearchParams(Object.entries(query).filter(([, value]) => value))}`);
export const labels = () => json('GET', '/api/labels');
/** Changes `name`, `labels`, `metadata` (null takes an entry away), or some of them. */
export const describe = (id, change) => json('PATCH', recordingAddress(id), change);
export const upload = (id) => call('POST', `${recordingAddress(id)}/upload`);
export const logout = () => call('POST', '/api/logout');
export const recording = (id, link) =>
  json('GET', `/api/recordings/${encodeURIComponent(id)}${link ? `?${new URLSearchParams({ link })}` : ''}`);
/** A page that shows this recording to whoever has its address, for so many seconds. */
export const share = async (id, seconds) => new URL((await json('POST', `/api/recordings/${encodeURIComponent(id)}/links`, { seconds })).url, location.href).href;
/** Of all machines that work together: nodes, workers, jobs. */
export const fleet = () => json('GET', '/api/fleet');
export const fleetRecordings = () => json('GET', '/api/fleet/recordings');
const fleetAddress = (node, id) => `/api/fleet/recordings/${encodeURIComponent(node)}/${encodeURIComponent(id)}`;
/** With the files of what was made of it. */
export const fleetRecording = (node, id) => json('GET', fleetAddress(node, id));
/** One film of it and the recordings that are one with it. */
export const fleetFilm = (node, id) => json('POST', `${fleetAddress(node, id)}/compose`, {});
export const login = (token) =>
  call('POST', '/api/login', { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token }) });
export const remove = (id) => call('DELETE', `/api/recordings/${encodeURIComponent(id)}`);
/** Anew; `formats`: others than the server's. */
export const convert = (id, formats) => call('POST', `${recordingAddress(id)}/convert`,
  formats && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ formats }) });
/** Those of its outputs that could not be made. */
export const makeMissing = (id) => call('POST', `${recordingAddress(id)}/convert`,
  { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ retry: true }) });
const withLink = (url, link) => (link ? `${url}?${new URLSearchParams({ link })}` : url);
/** Decrypts a recording for this viewer with `keys`, the JSON of a keys file. */
export const decrypt = async (id, keys, link) => (await call('POST', withLink(`/api/recordings/${encodeURIComponent(id)}/decrypted`, link),
  { headers: { 'Content-Type': 'application/json' }, body: keys })).json();
/** A ticket for playing it with these keys, which the server keeps in its memory for a while. */
export const playKeys = async (id, keys, link) => (await call('POST', withLink(`/api/recordings/${encodeURIComponent(id)}/play-keys`, link),
  { headers: { 'Content-Type': 'application/json' }, body: keys })).json();
export const forgetPlayKeys = (id, ticket, link) => call('DELETE', withLink(`/api/recordings/${encodeURIComponent(id)}/play-keys/${ticket}`, link));
export const forgetDecrypted = (id, ticket, link) => call('DELETE', withLink(`/api/recordings/${encodeURIComponent(id)}/decrypted/${ticket}`, link));
/** One film of everybody in the recording. */
export const compose = (id, layout) => json('POST', `/api/recordings/${encodeURIComponent(id)}/compose`, { layout });
/** The same of a recording under way, while it goes on. */
export const follow = (id, layout) => json('POST', `/api/recordings/${encodeURIComponent(id)}/compose`, { layout, follow: true });
export const cancelFilm = (id) => call('DELETE', `/api/recordings/${encodeURIComponent(id)}/compose`);
export const cancelConversion = (id) => call('DELETE', `/api/recordings/${encodeURIComponent(id)}/convert`);

/** The server's run, another one after each start; null: it does not answer, or not in time. */
export async function alive() {
  try {
    const answer = await fetch('/api/config', { cache: 'no-store', signal: AbortSignal.timeout(1500) });
    return (await answer.json()).run;
  } catch {
    return null;
  }
}

/** Calls `onState` with what runs and what changed, once a second; EventSource comes back by itself. */
export function watch(onState, onGone) {
  const events = new EventSource('/api/events');
  events.onmessage = (message) => onState(JSON.parse(message.data));
  events.onerror = onGone;
  return () => events.close();
}

/** Records what a WHEP server plays; answers the pull. */
export const pull = (order) => json('POST', '/api/pull', order);
export const pulls = () => json('GET', '/api/pull');
export const stopPull = (id) => call('DELETE', `/api/pull/${encodeURIComponent(id)}`);

/** Of a recording under way. */
export const pause = (id) => call('POST', `/api/recordings/${encodeURIComponent(id)}/pause`);
export const resume = (id) => call('POST', `/api/recordings/${encodeURIComponent(id)}/resume`);
export const end = (id) => call('POST', `/api/recordings/${encodeURIComponent(id)}/end`);
export const mark = (id, text) => call('POST', `/api/recordings/${encodeURIComponent(id)}/marks`,
  { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ text }) });

/**
 * Offers over WHIP (RFC 9725); answers the session's URL, its answer SDP and its recording. `recording`: a key, all who
 * name it are recorded together; `resume`: what an earlier answer said, to be the same participant again.
 */
export async function publish(offer, { name, continues, recording: key, resume: token }) {
  const wanted = { name, continues, recording: key, resume: key && token };
  const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
  const answer = await call('POST', `/whip?${query}`, {
    headers: { 'Content-Type': 'application/sdp' },
    body: offer,
  });
  const [, recording] = /recordings\/([^>]+)>/.exec(answer.headers.get('Link')) ?? [];
  return {
    url: new URL(answer.headers.get('Location'), location.href).href,
    sdp: await answer.text(),
    recording,
    resume: decodeURIComponent(answer.headers.get('Rtpx-Resume') ?? ''),
  };
}

export const endSession = (url) => call('DELETE', url, { keepalive: true });
