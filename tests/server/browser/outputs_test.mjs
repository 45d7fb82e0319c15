// Several outputs of one recording on the page: a menu of their files, and a button for what could not be made.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, serve, stateOf } from './browser.mjs';

const axe = fs.readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-outputs-'));
const id = '20261122-100000';
let server, browser;

before(async () => {
  fs.cpSync(new URL('../../data/vp8_opus/', import.meta.url), path.join(folder, 'recordings', id), { recursive: true });
  server = await serve(folder, { options: ['auto', 'bad=mp4', 'copy=mkv', 'sound=ogg:video=none'].flatMap((profile) => ['--output', profile]) });
  await stateOf(server.url, id, ['ready']);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run());
  return found.violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map(({ html }) => html).join('\n')}`);
}

for (const [locale, files, downloads, missing] of [
  ['en', '3 files', [/^Download WEBM \(/, /^Download copy \(MKV\) \(/, /^Download sound \(OGG\) \(/], 'Make what is missing'],
  ['de', '3 Dateien', [/^Herunterladen WEBM \(/, /^Herunterladen copy \(MKV\) \(/, /^Herunterladen sound \(OGG\) \(/], 'Fehlendes noch einmal umwandeln'],
]) {
  test(`${files}: each with its name, and what is missing is made again`, async () => {
    const page = await browser.newPage({ locale });
    await page.goto(server.url);
    const entry = page.locator(`#recording-${id}`);
    await entry.waitFor();
    assert.equal(await entry.locator('.files a').first().isVisible(), false);
    await entry.locator('summary', { hasText: files }).click();
    const links = await entry.locator('.files a').allTextContents();
    assert.equal(links.length, downloads.length);
    downloads.forEach((wanted, index) => assert.match(links[index], wanted));
    const [download] = await Promise.all([page.waitForEvent('download'), entry.locator('.files a').nth(2).click()]);
    assert.match(download.suggestedFilename(), / sound\.ogg$/);
    assert.deepEqual(await violations(page), []);
    const [answer] = await Promise.all([page.waitForResponse((one) => one.url().endsWith('/convert')), entry.locator('button', { hasText: missing }).click()]);
    assert.equal(answer.status(), 202);
    assert.deepEqual(answer.request().postDataJSON(), { retry: true });
    const again = await stateOf(server.url, id, ['ready']);
    assert.deepEqual(again.outputs.map(({ profile, state }) => [profile, state]), [['auto', 'done'], ['bad', 'failed'], ['copy', 'done'], ['sound', 'done']]);
    await page.close();
  });
}
