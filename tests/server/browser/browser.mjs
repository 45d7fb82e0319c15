// Headless Chromium with a fake camera and microphone, and a server to open in it.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required'],
  });
}

/** rtpx serve on loopback: { url, recordings, stop, kill }. `listen`: where an earlier one was. */
export async function serve(folder, { udpPort = 0, listen = '127.0.0.1:0', options = [] } = {}) {
  fs.mkdirSync(folder, { recursive: true });
  const recordings = path.join(folder, 'recordings');
  const server = spawn(process.env.RTPX, ['serve', '--listen', listen, '--udp-port', String(udpPort), '--udp-listen', '127.0.0.1',
    '--min-free', '1M', '--base-dir', recordings, ...options],
  { stdio: ['ignore', 'pipe', fs.openSync(path.join(folder, 'log.txt'), 'a')] });
  const url = await new Promise((resolve, reject) => {
    server.stdout.once('data', (data) => resolve(String(data).trim()));
    server.once('exit', (code) => reject(new Error(`rtpx serve ended with ${code}`)));
  });
  const end = async (signal) => {
    if (server.exitCode !== null || server.signalCode !== null) return server.exitCode;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill(signal);
    return ended;
  };
  return { url, recordings, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

/** Asks for a recording until it is in one of the states wanted. */
export async function stateOf(url, id, wanted, seconds = 90, headers = {}) {
  let entry;
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(200)) {
    entry = await (await fetch(new URL(`/api/recordings/${id}`, url), { headers })).json();
    if (wanted.includes(entry.state)) return entry;
  }
  throw new Error(`${id} never was ${wanted}: ${JSON.stringify(entry)}`);
}

/** The recording of that name, once there is one. */
export async function recordingOf(url, name, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100)) {
    const { recordings } = await (await fetch(new URL('/api/recordings', url))).json();
    const found = recordings.find((entry) => entry.name === name);
    if (found) return found;
  }
  throw new Error(`no recording ${name}`);
}

/** A file server with ranges (Chromium seeks only where the server can) and a page with a player. */
export function serveFiles(folder) {
  const server = http.createServer((request, response) => {
    if (request.url === '/') return response.end('<!doctype html><style>body { margin: 0 }</style><video muted></video>');
    const file = path.join(folder, path.normalize(decodeURIComponent(request.url)));
    if (!fs.existsSync(file)) return response.writeHead(404).end();
    const { size } = fs.statSync(file);
    const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
    const first = Number(from ?? 0);
    const last = to ? Number(to) : size - 1;
    response.writeHead(from === undefined ? 200 : 206, {
      'Content-Length': last - first + 1, 'Accept-Ranges': 'bytes', 'Content-Range': `bytes ${first}-${last}/${size}`,
    });
    fs.createReadStream(file, { start: first, end: last }).pipe(response);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
