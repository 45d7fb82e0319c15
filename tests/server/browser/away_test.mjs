// The server goes away while a page records, and comes back: node --test away_test.mjs, with RTPX=path of the command.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { launch, serve, sleep, stateOf } from './browser.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-away-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

test('a page says that the server is gone, and goes on by itself when it is back, logged in as before', async (t) => {
  const options = ['--token', 'sesame'];
  let server = await serve(folder, { options });
  const listen = new URL(server.url).host;
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.fill('#token', 'sesame');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.fill('#name', 'interrupted');
    await page.click('#record');
    await page.locator('#record-text', { hasText: 'Stop' }).waitFor();
    await sleep(4000);

    const killed = Date.now();
    await server.kill();
    await page.getByText(/What was recorded until 0:0\d is safe/).waitFor();
    t.diagnostic(`noticed after ${Date.now() - killed} ms`);
    const stopped = await page.textContent('#timer');
    await sleep(1500);
    assert.equal(await page.textContent('#timer'), stopped, 'the timer stands still');

    server = await serve(folder, { listen, options });
    await page.getByText('The server is back. Recording.').waitFor();
    assert.equal(await page.isVisible('#notice'), false);
    await sleep(4000);
    assert.notEqual(await page.textContent('#timer'), stopped, 'the timer goes on');
    await page.click('#record');
    await page.getByText('Stopped').waitFor();

    const headers = { Authorization: 'Bearer sesame' };
    const { recordings } = await (await fetch(new URL('/api/recordings', server.url), { headers })).json();
    assert.deepEqual(recordings.map(({ name }) => name), ['interrupted', 'interrupted']);
    const [second, first] = recordings;
    assert.equal(second.continues, first.id);
    for (const { id } of recordings) {
      const entry = await stateOf(server.url, id, ['ready', 'failed'], 90, headers);
      assert.equal(entry.state, 'ready', entry.error);
      assert.ok(entry.duration_ms > 1500, `${id}: ${entry.duration_ms} ms`);
    }

    // And whoever gets a link to it sees it.
    await page.getByText('ready').first().waitFor();
    await page.getByRole('button', { name: 'Share for a day' }).first().click();
    await page.getByText('Whoever has this link').waitFor();
    const [link] = /http\S+/.exec(await page.textContent('#notice'));
    const other = await (await browser.newContext()).newPage();
    await other.goto(link);
    await other.waitForFunction(() => document.querySelector('.player video')?.readyState >= 1);
    await other.goto(`${link}x`);
    await other.getByText('This link has ended, or is not whole.').waitFor();
  } finally {
    await browser.close();
    await server.stop();
  }
});
