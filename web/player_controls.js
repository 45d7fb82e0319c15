// What every player on the page has: keys as video players have them, speed, picture in picture, a way to close it; and
// of all of them only one is heard.
import { t } from './strings.js';

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];
const FRAME = 1 / 30; // seconds that , and . go

// Who begins to be heard silences the others. The preview of the recorder is no player.
document.addEventListener('play', ({ target }) => {
  if (target.muted || !target.closest('.player')) return;
  for (const other of document.querySelectorAll('.player video')) if (other !== target && !other.muted) other.pause();
}, true);

function seek(video, seconds) {
  const end = Number.isFinite(video.duration) ? video.duration : Infinity;
  video.currentTime = Math.min(Math.max(0, seconds), end);
}

function setSpeed(video, step) {
  const at = SPEEDS.findIndex((speed) => speed >= video.playbackRate);
  video.playbackRate = SPEEDS[Math.min(Math.max(0, at + step), SPEEDS.length - 1)];
}

async function togglePicture(video) {
  if (document.pictureInPictureElement === video) await document.exitPictureInPicture();
  else await video.requestPictureInPicture();
}

/** What a key does; undefined: nothing. */
function actionOf(event, video) {
  if (event.ctrlKey || event.altKey || event.metaKey) return undefined;
  const actions = {
    ' ': () => (video.paused ? video.play() : video.pause()),
    k: () => (video.paused ? video.play() : video.pause()),
    j: () => seek(video, video.currentTime - 10),
    l: () => seek(video, video.currentTime + 10),
    ArrowLeft: () => seek(video, video.currentTime - 5),
    ArrowRight: () => seek(video, video.currentTime + 5),
    ArrowUp: () => { video.volume = Math.min(1, video.volume + 0.1); },
    ArrowDown: () => { video.volume = Math.max(0, video.volume - 0.1); },
    Home: () => seek(video, 0),
    End: () => seek(video, video.duration),
    ',': () => seek(video, video.currentTime - FRAME),
    '.': () => seek(video, video.currentTime + FRAME),
    '<': () => setSpeed(video, -1),
    '>': () => setSpeed(video, 1),
    m: () => { video.muted = !video.muted; },
    f: () => (document.fullscreenElement ? document.exitFullscreen() : video.requestFullscreen()),
    i: () => togglePicture(video),
  };
  if (/^[0-9]$/.test(event.key)) return () => seek(video, (video.duration * Number(event.key)) / 10);
  return actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
}

/** Gives the player in `item` keys and controls; `close` takes it away. */
export function addControls(item, close) {
  const player = item.querySelector('.player');
  const video = player?.querySelector('video');
  if (!video) return;
  const done = () => {
    close();
    item.querySelector('.thumbnail')?.focus();
  };
  const row = Object.assign(document.createElement('div'), { className: 'row choices' });
  const speed = document.createElement('select');
  speed.setAttribute('aria-label', t('speed'));
  speed.append(...SPEEDS.map((value) => new Option(`${value}×`, value, value === 1, value === 1)));
  speed.addEventListener('change', () => { video.playbackRate = Number(speed.value); });
  video.addEventListener('ratechange', () => { speed.value = video.playbackRate; });
  const button = (id, action) => {
    const node = Object.assign(document.createElement('button'), { type: 'button', textContent: t(id) });
    node.addEventListener('click', action);
    return node;
  };
  row.append(speed);
  if (document.pictureInPictureEnabled) row.append(button('picture_in_picture', () => togglePicture(video).catch(() => {})));
  row.append(button('close', done));
  row.title = t('player_keys');
  player.append(row);
  // Before the browser's own controls, which have other keys in each browser.
  player.addEventListener('keydown', (event) => {
    const own = event.target.closest('button, select, input, a, [role=slider]');
    const action = event.key === 'Escape' && !document.fullscreenElement ? done : own ? undefined : actionOf(event, video);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    Promise.resolve(action()).catch(() => {}); // what a browser does not allow, it does not do
  }, true);
  video.focus();
}
