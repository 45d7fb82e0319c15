// The page of a node shows the recordings of one key together and makes one film of them: RTPX_PAGE is its address,
// RTPX_KEY the key. For tests/fleet/keys_test.py.
import assert from 'node:assert/strict';
import { launch } from './browser.mjs';

const { RTPX_PAGE, RTPX_KEY, RTPX_SCREENSHOTS } = process.env;
const browser = await launch();
try {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(RTPX_PAGE);
  const group = page.locator('#fleet-recordings > li', { hasText: `${RTPX_KEY}: 2 recordings` });
  await group.getByRole('button', { name: 'Make one film' }).waitFor();
  assert.equal(await group.locator('ul > li').count(), 2);
  assert.equal(await page.locator('#fleet-recordings > li').count(), 2, 'the other recording is alone');

  await group.getByRole('button', { name: 'Make one film' }).click();
  await group.getByRole('button', { name: 'Play film' }).click({ timeout: 300_000 });
  const video = group.locator('> div video');
  await page.waitForFunction(() => document.querySelector('#fleet-recordings > li > div video')?.readyState > 0, null, { timeout: 30_000 });
  assert.deepEqual(await video.evaluate(({ videoWidth, videoHeight }) => [videoWidth, videoHeight]), [1280, 720]);
  assert.match(await video.evaluate(({ poster }) => poster), /film\.mp4_thumbnail\.jpg$/);
  await group.locator('.scrub').waitFor();
  if (RTPX_SCREENSHOTS) await page.screenshot({ path: `${RTPX_SCREENSHOTS}/fleet_key.png`, fullPage: true });
  // What plays stays while the list is read anew.
  await page.waitForTimeout(6_000);
  assert.equal(await video.count(), 1);
  assert.deepEqual(errors, []);
} finally {
  await browser.close();
}
