// The player under a recording that is played from its packets: layers, sounds, and a time line with what was lost.
import { recordingAddress } from './api.js';
import { Cutter } from './cutter.js';
import { FilmStream } from './film.js';
import { duration } from './format.js';
import { Stream } from './stream.js';
import { t } from './strings.js';

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function choice(label, entries, chosen, onchange) {
  if (entries.length < 2) return null;
  const select = element('select', { ariaLabel: label, onchange: () => onchange(entries[select.value]) },
    ...entries.map((entry, at) => new Option(entry.text, at, entry === chosen, entry === chosen)));
  return select;
}

const layerText = ({ width, height, rid, bits_per_second: rate }) =>
  `${width}×${height}${rid ? ` (${rid})` : ''}, ${Math.round(rate / 1000)} kbit/s`;

/** Where packets were lost for good, drawn over the length of the recording. */
function drawLosses(canvas, lost, seconds) {
  const width = Math.max(canvas.clientWidth, 1);
  const height = Math.max(canvas.clientHeight, 1);
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext('2d');
  pen.fillStyle = getComputedStyle(canvas).color;
  for (const [at, packets] of lost) {
    const tall = Math.min(1, 0.35 + packets / 30) * height;
    pen.fillRect((at / seconds) * width, height - tall, Math.max(2, width / seconds), tall);
  }
}

function timeLine(video, stream) {
  const seconds = () => Math.max(stream.seconds, 0.001);
  const losses = element('canvas', { className: 'losses' });
  const at = element('div', { className: 'at' });
  const bar = element('div', { className: 'timeline', tabIndex: 0 }, losses, at);
  bar.setAttribute('role', 'slider');
  bar.setAttribute('aria-label', t('position'));
  bar.setAttribute('aria-valuemin', 0);
  const draw = () => {
    const lost = stream.program.renditions.flatMap((rendition) => rendition.lost);
    const total = lost.reduce((sum, [, packets]) => sum + packets, 0);
    bar.title = total === 0 ? t('no_packet_lost') : t('packets_lost', { total });
    bar.setAttribute('aria-valuemax', Math.round(seconds()));
    drawLosses(losses, lost, seconds());
  };
  new ResizeObserver(draw).observe(bar);
  const timeAt = (event) => {
    const box = bar.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * seconds();
  };
  bar.addEventListener('pointerdown', (event) => {
    bar.setPointerCapture(event.pointerId);
    video.currentTime = timeAt(event);
  });
  bar.addEventListener('pointermove', (event) => {
    if (bar.hasPointerCapture(event.pointerId)) video.currentTime = timeAt(event);
  });
  bar.addEventListener('keydown', (event) => {
    const to = { ArrowLeft: video.currentTime - 5, ArrowRight: video.currentTime + 5, Home: 0, End: seconds() }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    video.currentTime = Math.min(Math.max(0, to), seconds());
  });
  const show = () => {
    at.style.width = `${Math.min(100, (100 * video.currentTime) / seconds())}%`;
    bar.setAttribute('aria-valuenow', Math.round(video.currentTime));
    bar.setAttribute('aria-valuetext', `${duration(1000 * video.currentTime)} of ${duration(1000 * seconds())}`);
  };
  for (const event of ['timeupdate', 'seeking']) video.addEventListener(event, show);
  show();
  bar.grow = () => {
    draw();
    show();
  };
  return bar;
}

/**
 * Opens a player in `item` that plays `recording` (its id), or the `film` that follows it. `address`: of one of another node.
 * `link`: a signed link.
 */
export async function openStream(item, recording, title, { address, link, keys, soon, film = false, autoplay = true, onError = () => {} } = {}) {
  closeStream(item);
  const video = element('video', { controls: true, autoplay, playsInline: true });
  video.setAttribute('aria-label', title);
  const controls = element('div', { className: 'row choices' });
  const player = element('div', { className: 'player stream' }, video, controls);
  item.append(player);
  let open = () => {};
  const stream = new (film ? FilmStream : Stream)(video, recording, {
    address, link, keys, soon, onError, onGrow: () => player.querySelector('.timeline')?.grow(), onBegin: (number) => open(number).catch(onError),
  });
  player.stream = stream;
  open = async (number) => {
    await stream.open(number);
    for (const old of player.querySelectorAll('.timeline, .cutting')) old.remove();
    const bar = timeLine(video, stream);
    const cutter = film || keys ? null : new Cutter(video, stream, bar, { address: address ?? recordingAddress(recording), link }); // cuts know no keys
    player.insertBefore(bar, controls);
    if (cutter) controls.after(cutter.row);
    const layers = stream.pictures.map((rendition) => ({ rendition, text: layerText(rendition) }));
    const sounds = stream.sounds.map((rendition) => ({ rendition, text: rendition.name }));
    const shown = stream.description.programs.map((program, at) => ({ number: at, text: program.id }));
    controls.replaceChildren(...[
      choice(t('what_to_watch'), shown, shown[number], (entry) => open(entry.number).catch(onError)),
      stream.description.growing ? element('button', { type: 'button', onclick: () => stream.toLive() }, t('to_live')) : null,
      choice(t('layer'), layers, layers[0], (entry) => stream.choose(entry.rendition)),
      choice(t('sound'), sounds, sounds[0], (entry) => stream.choose(entry.rendition)),
      cutter?.toggle,
    ].filter(Boolean));
  };
  await open(0);
  player.scrollIntoView({ block: 'nearest' });
  return stream;
}

export function closeStream(item) {
  const player = item.querySelector('.player');
  player?.stream?.close();
  player?.remove();
}
