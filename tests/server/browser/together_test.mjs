// Three pages in one recording, one of them loaded again meanwhile: node --test together_test.mjs, with RTPX=path.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, recordingOf, serve, sleep, stateOf } from './browser.mjs';
import { flashesAndBeeps, median, useFlashAndBeep } from './flash.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-together-'));
let server, browser;

before(async () => {
  server = await serve(folder, { options: ['--linger', '3'] });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function join(page, name) {
  await page.goto(`${server.url}?together=standup`);
  await page.locator('#record').waitFor();
  await useFlashAndBeep(page, { width: 320, height: 180 });
  await page.fill('#name', name);
  await page.click('#record');
  await page.waitForFunction(() => document.getElementById('record-text').textContent === 'Stop' || !document.getElementById('notice').hidden, null, { timeout: 90_000 });
  assert.equal(await page.textContent('#notice'), '');
}

const leave = async (page) => {
  await page.click('#record');
  await page.getByText('You have left').waitFor({ timeout: 60_000 });
};

/** Difference of the closest, for each of `times`. */
const offsets = (times, others) => times.map((time) => others.map((other) => other - time).sort((a, b) => Math.abs(a) - Math.abs(b))[0]);

test('three pages are one recording on one clock, and one that is loaded again goes on as who it was', async () => {
  const names = ['Alice', 'Bob', 'Carol'];
  const pages = [];
  for (const name of names) {
    const page = await (await browser.newContext()).newPage();
    await join(page, name);
    pages.push(page);
  }
  const { id } = await recordingOf(server.url, 'standup');
  await pages[0].locator('#live li').nth(2).waitFor({ timeout: 60_000 });
  assert.match(await pages[0].textContent('#live'), /Bob.*in standup.*round trip/s);
  await sleep(6000);
  await join(pages[2], 'Carol'); // loads the page anew
  await sleep(2000);
  await pages[0].fill('#mark-text', 'The vote');
  await pages[0].click('#mark button');
  await pages[0].getByText('Marked.').waitFor();
  await sleep(4000);
  for (const page of pages) await leave(page);

  const entry = await stateOf(server.url, id, ['ready', 'failed']);
  assert.equal(entry.state, 'ready', entry.error);
  assert.deepEqual(entry.participants.map(({ name }) => name), names);
  assert.equal(entry.tracks.length, 6, 'who comes back goes on in the tracks that it had');
  for (const participant of entry.participants) assert.equal(entry.tracks.filter((track) => track.participant === participant.id).length, 2);
  assert.deepEqual(entry.marks.map(({ text }) => text), ['The vote']);
  assert.equal(entry.files.length, 3);
  for (const file of entry.files) assert.equal(file.chapters[0].text, 'The vote');

  const output = path.join(folder, 'joined');
  execFileSync(process.env.RTPX, ['convert', path.join(server.recordings, id), '-o', output, '--join'], { stdio: 'inherit' });
  const file = path.join(output, 'recording.mkv');
  const titles = execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'stream_tags=title', '-of', 'csv=p=0', file], { encoding: 'utf8' });
  for (const name of names) assert.match(titles, new RegExp(`${name}/`));
  const seen = names.map((_, index) => flashesAndBeeps(file, index));
  for (const [index, { flashes, beeps }] of seen.entries()) {
    assert.ok(flashes.length >= 8 && beeps.length >= 8, `${names[index]}: ${flashes.length} flashes, ${beeps.length} beeps`);
    const lips = median(offsets(flashes, beeps));
    assert.ok(Math.abs(lips) < 0.04, `${names[index]}: beep minus flash is ${Math.round(lips * 1000)} ms`);
    const apart = -median(offsets(flashes, seen[0].flashes)); // of those that both were there for
    console.log(`${names[index]}: ${flashes.length} flashes, sound ${Math.round(lips * 1000)} ms after the picture, ${Math.round(apart * 1000)} ms after ${names[0]}`);
    assert.ok(Math.abs(apart) < 0.04, `${names[index]} sees the flash ${Math.round(apart * 1000)} ms after ${names[0]}`);
  }
});
