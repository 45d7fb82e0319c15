// The page: wires the recorder and the list to the server's state.
import * as api from './api.js';
import { bytes } from './format.js';
import { RecordingList } from './recordings.js';
import { Recorder } from './recorder.js';

const $ = (id) => document.getElementById(id);

function notice(text) {
  $('notice').textContent = text;
  $('notice').hidden = !text;
}

const GONE = 'The server does not answer. The page goes on when it is back.';
let stopWatching = () => {};

async function open() {
  const config = await api.configuration();
  $('version').textContent = `rtpx ${config.version}`;
  const locked = config.token_required && !config.logged_in;
  $('login').hidden = !locked;
  $('recorder').hidden = $('recordings').hidden = locked;
  if (locked) return $('token').focus();

  const list = new RecordingList($('list'), $('empty'), notice);
  const recorder = new Recorder(notice);
  stopWatching();
  const { scopes } = config;
  $('recorder').hidden = !scopes.includes('record');
  $('recordings').hidden = !scopes.includes('view');
  if (!scopes.includes('view')) return;
  await list.load();
  stopWatching = api.watch((state) => {
    if ($('notice').textContent === GONE) notice('');
    recorder.show(state.sessions);
    list.update(state);
    if (state.disk.free_bytes !== undefined) {
      $('disk').textContent = `${bytes(state.disk.free_bytes)} of ${bytes(state.disk.total_bytes)} free`;
    }
  }, () => {
    if (!recorder.session) notice(GONE);
  });
}

$('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await api.login($('token').value);
    notice('');
    await open();
  } catch (error) {
    notice(error.message);
  }
});

open().catch((error) => notice(error.message));
