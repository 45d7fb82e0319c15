// Plays a converted file in place, with scrub pictures under it (a WebVTT file that names parts of a sheet).
import { duration } from './format.js';
import { t } from './strings.js';

function seconds(stamp) {
  return stamp.split(':').reduce((total, part) => total * 60 + Number(part), 0);
}

/** [{ from, to, url, x, y, w, h }] of a thumbnail WebVTT. */
export function parseSprites(text, base) {
  const cues = [];
  for (const block of text.split(/\n\s*\n/)) {
    const match = block.match(/([\d:.]+)\s+-->\s+([\d:.]+).*\n(.+)#xywh=(\d+),(\d+),(\d+),(\d+)/);
    if (!match) continue;
    const [x, y, w, h] = match.slice(4).map(Number);
    cues.push({ from: seconds(match[1]), to: seconds(match[2]), url: new URL(match[3], base).href, x, y, w, h });
  }
  return cues;
}

function scrubBar(video, cues) {
  const bar = document.createElement('div');
  bar.className = 'scrub';
  bar.setAttribute('role', 'slider');
  bar.tabIndex = 0;
  bar.setAttribute('aria-label', t('position'));
  bar.setAttribute('aria-valuenow', 0);
  const picture = document.createElement('div');
  picture.className = 'picture';
  const at = document.createElement('div');
  at.className = 'at';
  bar.append(picture, at);
  const timeAt = (event) => Math.min(1, Math.max(0, event.offsetX / bar.clientWidth)) * (video.duration || 0);
  const show = (time) => {
    const cue = cues.find(({ from, to }) => time >= from && time < to) ?? cues.at(-1);
    const scale = bar.clientHeight / cue.h;
    picture.style.width = `${cue.w * scale}px`;
    picture.style.backgroundImage = `url("${cue.url}")`;
    picture.style.backgroundPosition = `-${cue.x * scale}px -${cue.y * scale}px`;
    const sheet = cues.reduce((size, { x, y, w, h }) => [Math.max(size[0], x + w), Math.max(size[1], y + h)], [0, 0]);
    picture.style.backgroundSize = `${sheet[0] * scale}px ${sheet[1] * scale}px`;
    const left = (time / (video.duration || 1)) * bar.clientWidth - (cue.w * scale) / 2;
    picture.style.left = `${Math.max(0, Math.min(bar.clientWidth - cue.w * scale, left))}px`;
  };
  bar.addEventListener('pointermove', (event) => show(timeAt(event)));
  bar.addEventListener('click', (event) => { video.currentTime = timeAt(event); });
  bar.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
    if (!step) return;
    event.preventDefault();
    video.currentTime = Math.max(0, video.currentTime + step);
  });
  video.addEventListener('timeupdate', () => {
    at.style.width = `${(100 * video.currentTime) / (video.duration || 1)}%`;
    bar.setAttribute('aria-valuetext', duration(1000 * video.currentTime));
    bar.setAttribute('aria-valuenow', Math.round(video.currentTime));
    bar.setAttribute('aria-valuemax', Math.round(video.duration || 0));
    if (!bar.matches(':hover')) show(video.currentTime);
  });
  return bar;
}

/** Marked moments: buttons that lead there, and points on the bar of pictures. */
function chapterList(video, chapters) {
  const list = document.createElement('ol');
  list.className = 'chapters';
  list.setAttribute('aria-label', t('marks'));
  for (const { time_ms: time, text } of chapters) {
    const button = Object.assign(document.createElement('button'), { type: 'button', textContent: `${duration(time)} ${text}` });
    button.addEventListener('click', () => {
      video.currentTime = time / 1000;
    });
    const item = document.createElement('li');
    item.append(button);
    list.append(item);
  }
  return list;
}

function showPoints(bar, video, chapters) {
  const place = () => {
    bar.querySelectorAll('.point').forEach((point) => point.remove());
    for (const { time_ms: time, text } of chapters) {
      const point = Object.assign(document.createElement('div'), { className: 'point', title: text });
      point.style.left = `${Math.min(100, time / 10 / (video.duration || 1))}%`;
      bar.append(point);
    }
  };
  video.addEventListener('durationchange', place);
  place();
}

/** `withLink`: turns the address of a picture into one that may be read. */
export async function openPlayer(item, file, title, { autoplay = true, withLink = (url) => url } = {}) {
  item.querySelector('.player')?.remove();
  const player = document.createElement('div');
  player.className = 'player';
  const video = document.createElement('video');
  Object.assign(video, { src: file.url, controls: true, autoplay, playsInline: true });
  video.setAttribute('aria-label', `${title}, ${file.id}`);
  if (file.thumbnail_url) video.poster = file.thumbnail_url;
  player.append(video);
  item.append(player);
  player.scrollIntoView({ block: 'nearest' });
  const chapters = file.chapters ?? [];
  if (chapters.length > 0) player.append(chapterList(video, chapters));
  if (!file.sprites_url) return;
  const answer = await fetch(file.sprites_url);
  const cues = answer.ok ? parseSprites(await answer.text(), new URL(file.sprites_url, location.href)) : [];
  for (const cue of cues) cue.url = withLink(cue.url);
  if (cues.length === 0) return;
  const bar = scrubBar(video, cues);
  video.after(bar);
  if (chapters.length > 0) showPoints(bar, video, chapters);
}
