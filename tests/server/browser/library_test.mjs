// The library of thousands on the page, names and labels, several at once, and what a page has to be for everybody:
// axe-core finds no violation, in English and in German.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, serve, stateOf } from './browser.mjs';

const MANY = 5000;
const axe = fs.readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const data = new URL('../../data/vp8_opus/', import.meta.url);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-library-'));
const playable = '20261122-100000';
let server, url, browser;

function writeRecording(base, number) {
  const own = path.join(base, String(number).padStart(6, '0'));
  fs.mkdirSync(path.join(own, 'output'), { recursive: true });
  fs.writeFileSync(path.join(own, 'recording.json'), JSON.stringify({
    format: { major: 1, minor: 0 }, name: `Meeting ${number}`, created: new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString(),
    ended_at: '2026-02-01T00:00:00Z', conversion: { state: 'done' }, labels: [`team ${number % 7}`],
  }));
  fs.writeFileSync(path.join(own, 'manifest.json'), '{}');
  fs.writeFileSync(path.join(own, 'output', 'a.webm'), 'x'.repeat(number % 1000));
  fs.writeFileSync(path.join(own, 'output', 'result.json'), JSON.stringify({ a: { location: 'a.webm', duration_ms: number } }));
}

before(async () => {
  const recordings = path.join(folder, 'recordings');
  for (let number = 0; number < MANY; number += 1) writeRecording(recordings, number);
  fs.cpSync(data, path.join(recordings, playable), { recursive: true });
  server = await serve(folder);
  url = server.url;
  await stateOf(url, playable, ['ready']);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function openPage(address = '/', options = {}) {
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 }, ...options });
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && page.errors.push(message.text()));
  await page.goto(new URL(address, url).href);
  return page;
}

const titles = (page) => page.locator('#list h3').allTextContents();

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run());
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`);
}

test('of 5,000 recordings the newest are shown, more on demand, and any is found while its name is typed', async () => {
  const page = await openPage();
  const began = Date.now();
  await page.locator('#list li').nth(49).waitFor();
  const first = Date.now() - began;
  assert.equal(await page.locator('#list li').count(), 50);
  assert.match(await page.textContent('#shown'), /50 of 5001/);
  await page.click('#more');
  await page.locator('#list li').nth(99).waitFor();
  assert.equal(await page.locator('#list li').count(), 100);
  const typed = Date.now();
  await page.fill('#words', 'meeting 4321');
  await page.waitForFunction(() => document.querySelectorAll('#list li').length === 1);
  console.log(`first list after ${first} ms, search after ${Date.now() - typed} ms`); // for docs/benchmarks.md
  assert.deepEqual(await titles(page), ['Meeting 4321']);
  await page.fill('#words', 'nothing like it');
  await page.getByText('Nothing found.').waitFor();
  await page.fill('#words', '');
  await page.selectOption('#which-label', 'team 3');
  await page.waitForFunction(() => document.querySelector('#list h3')?.textContent === 'Meeting 4994');
  await page.selectOption('#which-label', '');
  await page.selectOption('#sort', 'sort_oldest');
  await page.waitForFunction(() => document.querySelector('#list h3')?.textContent === 'Meeting 0');
  assert.deepEqual(page.errors, []);
  await page.close();
});

test('a recording is named and labelled, has an address of its own, and is found by both', async () => {
  const page = await openPage(`/r/${playable}`);
  const item = page.locator(`#recording-${playable}`);
  await item.getByRole('button', { name: 'Edit' }).click();
  await page.fill('#edit-name', 'Grüße aus Köln');
  await page.fill('#edit-labels', 'postcard\nholiday');
  await page.fill('#edit-metadata', 'ticket: RTC-7');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await item.getByRole('heading', { name: 'Grüße aus Köln' }).waitFor();
  await item.getByText('ticket: RTC-7').waitFor();
  assert.equal(await page.title(), 'Grüße aus Köln – rtpx');
  await page.getByRole('link', { name: 'All recordings' }).click();
  await page.fill('#words', 'koln');
  await page.waitForFunction(() => document.querySelectorAll('#list li').length === 1);
  await page.getByRole('button', { name: 'holiday' }).click();
  assert.equal(await page.inputValue('#which-label'), 'holiday');
  assert.deepEqual(page.errors, []);
  await page.close();
});

test('what plays goes on while the list changes around it', async () => {
  const page = await openPage();
  await page.fill('#words', 'koln');
  await page.waitForFunction(() => document.querySelectorAll('#list li').length === 1);
  const item = page.locator(`#recording-${playable}`);
  await item.getByRole('button', { name: 'Play', exact: true }).click();
  await page.waitForFunction(() => document.querySelector('.player video')?.readyState >= 3);
  await page.evaluate(() => {
    const video = document.querySelector('.player video');
    video.loop = true;
    video.muted = true;
    globalThis.pauses = 0;
    video.addEventListener('pause', () => { globalThis.pauses += 1; });
    return video.play();
  });
  await page.fill('#words', 'meeting 12');
  await page.waitForFunction(() => document.querySelectorAll('#list li').length > 10);
  await page.fill('#words', '');
  await page.waitForFunction(() => document.querySelectorAll('#list li').length >= 50);
  await page.selectOption('#sort', 'sort_name');
  await page.waitForFunction(() => [...document.querySelectorAll('#list h3')].some((title) => title.textContent === 'Meeting 0'));
  assert.equal(await page.evaluate(() => globalThis.pauses), 0);
  assert.equal(await page.evaluate(() => document.querySelector('.player video').paused), false);
  await page.close();
});

test('several are chosen, labelled and deleted at once, and the focus stays in the list', async () => {
  const page = await openPage();
  await page.fill('#words', 'meeting 777');
  await page.waitForFunction(() => document.querySelectorAll('#list li').length === 1);
  await page.fill('#words', 'meeting 77');
  await page.waitForFunction(() => document.querySelectorAll('#list li').length === 11);
  for (const name of ['Meeting 779', 'Meeting 778', 'Meeting 777']) await page.getByLabel(`Choose ${name}`).check();
  await page.getByText('3 chosen').waitFor();
  await page.getByRole('button', { name: 'Add a label' }).click();
  await page.fill('#label-many-text', 'to be deleted');
  await page.keyboard.press('Enter');
  await page.locator('#list .chip', { hasText: 'to be deleted' }).nth(2).waitFor();
  await page.locator('#chosen').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('3 recordings and everything').waitFor();
  await page.locator('#confirm').getByRole('button', { name: 'Delete' }).click();
  await page.waitForFunction(() => document.querySelectorAll('#list li').length === 8);
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), 'BODY');
  assert.equal((await fetch(new URL('/api/recordings/000777', url))).status, 404);
  assert.deepEqual(page.errors, []);
  await page.close();
});

for (const locale of ['en-US', 'de-DE']) {
  test(`axe-core finds nothing on the page and the report (${locale}, light and dark, a phone)`, async () => {
    for (const options of [{ colorScheme: 'light' }, { colorScheme: 'dark', viewport: { width: 390, height: 844 } }]) {
      const page = await openPage('/', { locale, ...options });
      await page.locator('#list li').nth(49).waitFor();
      assert.equal(await page.getAttribute('html', 'lang'), locale.slice(0, 2));
      assert.equal(await page.textContent('#record-text'), locale === 'de-DE' ? 'Aufnehmen' : 'Record');
      assert.deepEqual(await violations(page), []);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
      await page.getByRole('checkbox', { name: /Meeting 4999$|Meeting 4999 auswählen$/ }).check();
      await page.locator('#recording-004999').getByRole('button', { name: /Edit|Bearbeiten/ }).click();
      assert.deepEqual(await violations(page), []);
      await page.goto(new URL(`/r/${playable}`, url).href);
      await page.locator('#list li').waitFor();
      await page.locator(`#recording-${playable} .thumbnail`).click();
      await page.locator('.player video').waitFor();
      assert.deepEqual(await violations(page), []);
      await page.goto(new URL(`/api/recordings/${playable}/report`, url).href);
      assert.deepEqual(await violations(page), []);
      assert.match(await page.textContent('h1'), /Köln|2026/);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
      await page.close();
    }
  });
}

test('who has logged out sees nothing more', async () => {
  const own = await serve(path.join(folder, 'locked'), { options: ['--token', 'secret'] });
  try {
    const page = await browser.newPage({ locale: 'en-US' });
    await page.goto(own.url);
    await page.fill('#token', 'secret');
    await page.keyboard.press('Enter');
    await page.getByText('None yet.').waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.locator('#login').waitFor();
    assert.equal(await page.locator('#recordings').isVisible(), false);
    assert.equal(await page.evaluate(async () => (await fetch('/api/recordings')).status), 401);
    await page.close();
  } finally {
    await own.stop();
  }
});

test('every text of the page is in both languages, with the same names in it', async () => {
  const source = fs.readFileSync(new URL('../../../web/strings.js', import.meta.url), 'utf8');
  const texts = new Function(`${/const texts = [\s\S]*?\n};/.exec(source)[0]} return texts;`)();
  assert.deepEqual(Object.keys(texts.de).sort(), Object.keys(texts.en).sort());
  for (const [id, text] of Object.entries(texts.en)) {
    const names = (one) => [...one.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();
    assert.deepEqual(names(texts.de[id]), names(text), id);
  }
  const html = fs.readFileSync(new URL('../../../web/index.html', import.meta.url), 'utf8');
  for (const [, id, text] of html.matchAll(/data-t="(\w+)"[^>]*>([^<]*)</g)) assert.equal(text, texts.en[id]);
  const used = fs.readdirSync(new URL('../../../web/', import.meta.url)).filter((name) => name.endsWith('.js'))
    .flatMap((name) => [...fs.readFileSync(new URL(`../../../web/${name}`, import.meta.url), 'utf8').matchAll(/[^\w.]t\('([\w.]+)'/g)]);
  for (const [, id] of used) assert.ok(id in texts.en, id);
});

test('a player has the keys that video players have, is closed with Escape, and only one is heard', async () => {
  const page = await openPage(`/r/${playable}`);
  const item = page.locator(`#recording-${playable}`);
  await item.getByRole('button', { name: 'Play', exact: true }).click();
  await page.waitForFunction(() => document.querySelector('.player video')?.readyState >= 3);
  const video = (get) => page.evaluate((code) => new Function('video', `return ${code}`)(document.querySelector('.player video')), get);
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'VIDEO');
  await page.evaluate(() => { document.querySelector('.player video').currentTime = 0; });
  await page.keyboard.press('k');
  assert.equal(await video('video.paused'), true);
  await page.keyboard.press('2');
  assert.ok(Math.abs(await video('video.currentTime / video.duration - 0.2')) < 0.01);
  await page.keyboard.press('ArrowRight');
  assert.ok(Math.abs(await video('video.currentTime - Math.min(video.duration, 0.2 * video.duration + 5)')) < 0.1);
  await page.keyboard.press('Home');
  assert.equal(await video('video.currentTime'), 0);
  await page.keyboard.press('ArrowDown');
  assert.ok(await video('video.volume') < 0.95);
  await page.keyboard.press('m');
  assert.equal(await video('video.muted'), true);
  await page.keyboard.press('m');
  await page.keyboard.press('>');
  assert.equal(await video('video.playbackRate'), 1.25);
  for (let tries = 0; tries < 50 && await item.getByLabel('Speed').inputValue() !== '1.25'; ++tries)  // an event later
    await page.waitForTimeout(100);
  assert.equal(await item.getByLabel('Speed').inputValue(), '1.25');
  await item.getByLabel('Speed').selectOption('2');
  assert.equal(await video('video.playbackRate'), 2);
  assert.equal(await item.getByRole('button', { name: 'Picture in picture' }).count(), 1);

  await page.evaluate(async () => { // another one on the page
    const first = document.querySelector('.player');
    const second = first.cloneNode(true);
    first.parentNode.append(second);
    await first.querySelector('video').play();
    await second.querySelector('video').play();
  });
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('.player video')].map((one) => one.paused)), [true, false]);
  await page.evaluate(() => document.querySelectorAll('.player')[1].remove());

  await item.locator('.player video').focus();
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.player').count(), 0);
  assert.equal(await page.evaluate(() => document.activeElement.className), 'thumbnail');
  assert.deepEqual(page.errors, []);
  await page.close();
});
