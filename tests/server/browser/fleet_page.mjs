// The page of a node plays a recording of another: RTPX_PAGE is its address, RTPX_PAGE_TOKEN opens it, RTPX_RECORDING says
// which one (the first). For tests/fleet/play_test.py and running_test.py.
import assert from 'node:assert/strict';
import { launch } from './browser.mjs';

const browser = await launch();
try {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(process.env.RTPX_PAGE);
  if (process.env.RTPX_PAGE_TOKEN) {
    await page.fill('#token', process.env.RTPX_PAGE_TOKEN);
    await page.locator('#login button').click();
  }
  const item = page.locator('#fleet-recordings li', { hasText: process.env.RTPX_RECORDING ?? '' }).first();
  await item.getByRole('button').click();
  await page.waitForFunction(() => document.querySelector('#fleet-recordings video')?.currentTime > 0.5, null, { timeout: 30_000 });
  const size = await item.locator('video').evaluate((video) => [video.videoWidth, video.videoHeight]);
  assert.ok(size[0] > 0 && size[1] > 0, `pictures of ${size}`);
  await item.getByRole('button', { name: 'Cut', exact: true }).click();
  const cut = await item.locator('.cutting a').first().evaluate(async ({ href }) => {
    const answer = await fetch(href);
    return { href, status: answer.status, bytes: (await answer.arrayBuffer()).byteLength };
  });
  assert.match(cut.href, /\/api\/fleet\/recordings\/.*\/clip\./);
  assert.ok(cut.status === 200 && cut.bytes > 1000, JSON.stringify(cut));
  // What plays stays while the list is read anew.
  await page.waitForTimeout(6_000);
  assert.equal(await item.locator('video').count(), 1);
  if (process.env.RTPX_SCREENSHOTS) await page.screenshot({ path: `${process.env.RTPX_SCREENSHOTS}/fleet.png`, fullPage: true });
  await item.getByRole('button').first().click();
  assert.equal(await item.locator('video').count(), 0);
  assert.deepEqual(errors, []);
} finally {
  await browser.close();
}
