// Chromium publishes a clock: clock_sender.mjs WHIP_URL SECONDS LAYERS. For tests/senders. With --expression it prints what a
// page of any browser runs to do so.
import { launch } from './browser.mjs';
import { publishingClock } from './flash.mjs';

const [url, seconds, layers] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const expression = publishingClock({ whip: url, seconds, layers });
if (process.argv.includes('--expression')) {
  console.log(expression);
  process.exit(0);
}
const browser = await launch();
try {
  const page = await browser.newPage();
  await page.goto(new URL('/', url).href);
  console.log(JSON.stringify(await page.evaluate(expression)));
} finally {
  await browser.close();
}
