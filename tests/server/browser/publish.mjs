// Records five seconds through the page, as a person would: node publish.mjs FOLDER. For the demo.
import path from 'node:path';
import { launch, recordingOf, serve, sleep, stateOf } from './browser.mjs';

const folder = process.argv[2];
const server = await serve(folder);
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
  await page.goto(server.url);
  await page.fill('#name', 'demo');
  await page.click('#record');
  await page.locator('#record-text', { hasText: 'Stop' }).waitFor();
  console.log('Live: a headless browser has pressed Record on the page of `rtpx serve`');
  await sleep(5000);
  await page.click('#record');
  const { id } = await recordingOf(server.url, 'demo');
  const entry = await stateOf(server.url, id, ['ready', 'failed']);
  if (entry.state !== 'ready') throw new Error(entry.error);
  await page.locator(`#recording-${id}`).getByRole('button', { name: 'Play', exact: true }).click();
  await page.waitForFunction((which) => document.querySelector(`#recording-${which} .player video`)?.currentTime > 1, id);
  const screenshot = path.join(folder, 'page.png');
  await page.screenshot({ path: screenshot, fullPage: true });
  console.log(`video       ${path.join(server.recordings, id, 'output', entry.files[0].name)}`);
  console.log(`page        ${screenshot} (start it yourself: build/release/rtpx serve)`);
} finally {
  await browser.close();
  await server.stop();
}
