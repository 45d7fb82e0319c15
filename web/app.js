// The page: wires the recorder and the list to the server's state.
import * as api from './api.js';
import { bytes } from './format.js';
import { FleetView } from './fleet.js';
import { LiveList } from './live.js';
import { Puller } from './pull.js';
import { RecordingList } from './recordings.js';
import { Recorder } from './recorder.js';
import { t, translate } from './strings.js';

const $ = (id) => document.getElementById(id);
const only = decodeURIComponent(/^\/r\/([^/]+)$/.exec(location.pathname)?.[1] ?? '') || null; // /r/ID: this recording alone

translate();

function notice(text) {
  $('notice').textContent = text;
  $('notice').hidden = !text;
}

let list, recorder, live;
let stopWatching = () => {};

async function open() {
  const config = await api.configuration();
  $('version').textContent = `rtpx ${config.version}`;
  const locked = config.token_required && !config.logged_in;
  $('login').hidden = !locked;
  $('logout').hidden = !config.token_required || locked;
  $('recorder').hidden = $('recordings').hidden = locked;
  stopWatching();
  if (locked) return $('token').focus();

  list ??= new RecordingList(only, notice);
  recorder ??= new Recorder(notice);
  live ??= new LiveList($('live'), $('sessions'));
  const { scopes } = config;
  $('recorder').hidden = !scopes.includes('record') || only !== null;
  $('recordings').hidden = !scopes.includes('view');
  if (!scopes.includes('view')) return;
  await list.load();
  list.showHash();
  if (config.fleet) new FleetView($('fleet'), $('fleet-state'), $('fleet-list'), $('fleet-recordings'), scopes.includes('admin')).follow();
  stopWatching = api.watch((state) => {
    if ($('notice').textContent === t('gone')) notice('');
    recorder.show(state);
    live.show(only ? state.sessions.filter(({ recording }) => recording === only) : state.sessions);
    list.update(state);
    if (state.disk.free_bytes !== undefined) {
      $('disk').textContent = t('free', { free: bytes(state.disk.free_bytes), total: bytes(state.disk.total_bytes) });
    }
  }, () => {
    if (!recorder.session) notice(t('gone'));
  });
}

const tell = (action) => async (event) => {
  event.preventDefault();
  try {
    await action();
    notice('');
    await open();
  } catch (error) {
    notice(error.message);
  }
};
$('login').addEventListener('submit', tell(() => api.login($('token').value)));
$('logout').addEventListener('click', tell(async () => {
  $('token').value = '';
  await api.logout();
  stopWatching();
  list?.clear();
}));

new Puller($('pull'), $('pull-status'), $('pull-stop'), notice);

open().catch((error) => notice(error.message));
