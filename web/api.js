// Calls of the server's API. What fails throws an Error with a sentence for the person.

async function call(method, url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, { method, ...options });
  } catch {
    throw new Error('The server does not answer. Is it running?');
  }
  if (answer.ok) return answer;
  let detail = `The server answered ${answer.status}.`;
  try {
    detail = (await answer.json()).detail ?? detail;
  } catch { /* no problem document */ }
  throw Object.assign(new Error(detail), { status: answer.status });
}

const json = async (method, url, body) =>
  (await call(method, url, body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })).json();

export const configuration = () => json('GET', '/api/config');
export const recordings = () => json('GET', '/api/recordings');
export const recording = (id, link) =>
  json('GET', `/api/recordings/${encodeURIComponent(id)}${link ? `?${new URLSearchParams({ link })}` : ''}`);
/** A page that shows this recording to whoever has its address, for so many seconds. */
export const share = async (id, seconds) => new URL((await json('POST', `/api/recordings/${encodeURIComponent(id)}/links`, { seconds })).url, location.href).href;
export const login = (token) =>
  call('POST', '/api/login', { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token }) });
export const remove = (id) => call('DELETE', `/api/recordings/${encodeURIComponent(id)}`);
export const convert = (id) => call('POST', `/api/recordings/${encodeURIComponent(id)}/convert`);
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

/** Offers over WHIP (RFC 9725); answers the session's URL, its answer SDP and its recording. */
export async function publish(offer, name, continues) {
  const query = new URLSearchParams(continues ? { name, continues } : { name });
  const answer = await call('POST', `/whip?${query}`, {
    headers: { 'Content-Type': 'application/sdp' },
    body: offer,
  });
  const [, recording] = /recordings\/([^>]+)>/.exec(answer.headers.get('Link')) ?? [];
  return { url: new URL(answer.headers.get('Location'), location.href).href, sdp: await answer.text(), recording };
}

export const endSession = (url) => call('DELETE', url, { keepalive: true });
