// Chromium publishes to Janus, whose videoroom forwards plain RTP (rtp_forward) to rtpx serve: node --test janus_test.mjs,
// with RTPX=path of the command. Needs Debian's janus.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { launch, serve, sleep, stateOf } from './browser.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rtpx-janus-'));
const port = 20000 + (process.pid % 20000);
const api = `http://127.0.0.1:${port}/janus`;

/** A Janus of our own: HTTP on `port`, one plugin, one room. */
async function startJanus() {
  const conf = path.join(folder, 'janus');
  fs.mkdirSync(conf);
  const write = (name, text) => fs.writeFileSync(path.join(conf, `${name}.jcfg`), text);
  write('janus', `general: { configs_folder = "${conf}" }\n`);
  write('janus.transport.http', `general: { json = "compact" base_path = "/janus" http = true port = ${port} ip = "127.0.0.1" }\nadmin: { admin_http = false }\n`);
  write('janus.plugin.videoroom', 'room-1: { description = "test" publishers = 2 audiocodec = "opus" videocodec = "vp8" }\n');
  const janus = spawn('janus', ['--configs-folder', conf], { stdio: ['ignore', fs.openSync(path.join(folder, 'janus.log'), 'w'), 'ignore'] });
  for (let i = 0; i < 100; i += 1) {
    await sleep(100);
    if (await fetch(`${api}/info`).then((answer) => answer.ok, () => false)) break;
  }
  return janus;
}

async function post(url, body) {
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ transaction: String(Math.random()), ...body }) });
  return answer.json();
}

/** One handle of the videoroom: request() answers the event that it brings. */
async function attach() {
  const session = `${api}/${(await post(api, { janus: 'create' })).data.id}`;
  const handle = `${session}/${(await post(session, { janus: 'attach', plugin: 'janus.plugin.videoroom' })).data.id}`;
  const request = async (body, jsep) => {
    const answer = await post(handle, { janus: 'message', body, ...(jsep && { jsep }) });
    if (answer.janus !== 'ack') return answer;
    for (;;) {
      const event = await (await fetch(`${session}?maxev=1`)).json();
      if (event.janus === 'event') return event;
    }
  };
  return { request };
}

test('what Janus forwards is recorded', { skip: spawnSync('janus', ['--version']).error && 'janus is not installed' }, async () => {
  const janus = await startJanus();
  const server = await serve(path.join(folder, 'server'));
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    const sdp = await page.evaluate(async () => {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360, frameRate: 20 } });
      window.connection = new RTCPeerConnection();
      for (const track of stream.getTracks()) window.connection.addTrack(track, stream);
      await window.connection.setLocalDescription(await window.connection.createOffer());
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
      return window.connection.localDescription.sdp;
    });
    const { request } = await attach();
    const joined = await request({ request: 'join', ptype: 'publisher', room: 1 });
    const published = await request({ request: 'publish' }, { type: 'offer', sdp });
    await page.evaluate((answer) => window.connection.setRemoteDescription(answer), published.jsep);
    await page.waitForFunction(() => window.connection.connectionState === 'connected');
    const kinds = [...published.jsep.sdp.matchAll(/^m=(audio|video)/gm)].map((match) => match[1]);

    const description = ['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=janus', 'c=IN IP4 127.0.0.1', 't=0 0',
      'm=audio 0 RTP/AVPF 111', 'a=rtpmap:111 opus/48000/2',
      'm=video 0 RTP/AVPF 96', 'a=rtpmap:96 VP8/90000', 'a=rtcp-fb:96 nack pli', ''].join('\r\n');
    const ingest = await (await fetch(new URL('/api/ingest?name=janus', server.url), {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: description,
    })).json();
    const streams = ingest.tracks.map((track) => ({
      mid: String(kinds.indexOf(track.kind)), host: '127.0.0.1', port: track.rtp_port, rtcp_port: track.rtcp_port, pt: track.kind === 'audio' ? 111 : 96,
    }));
    const forwarded = await request({ request: 'rtp_forward', room: 1, publisher_id: joined.plugindata.data.id, host: '127.0.0.1', streams });
    assert.ok(forwarded.plugindata?.data.forwarders, JSON.stringify(forwarded));
    await sleep(6000);
    const url = new URL(`/api/ingest/${ingest.id}`, server.url);
    const live = await (await fetch(url)).json();
    console.log(JSON.stringify({ ...live, tracks: undefined }));
    assert.equal(live.unknown_packets, 0);
    await fetch(url, { method: 'DELETE' });
    const entry = await stateOf(server.url, ingest.recording, ['ready', 'failed']);
    assert.equal(entry.state, 'ready', entry.error);
    assert.ok(entry.duration_ms > 4000 && entry.duration_ms < 9000, `${entry.duration_ms} ms`);
    const report = await (await fetch(new URL(entry.files[0].report_url, server.url))).json();
    for (const track of report.tracks) console.log(track.kind, track.frames, 'frames,', track.packets, 'packets,', JSON.stringify(track.lost));
    assert.deepEqual(report.tracks.map((track) => track.kind).sort(), ['audio', 'video']);
    assert.ok(report.tracks.every((track) => track.frames > 20 && track.lost.after_repair === 0));
  } catch (error) {
    console.log(fs.readFileSync(path.join(folder, 'janus.log'), 'utf8').slice(-3000));
    throw error;
  } finally {
    await browser.close();
    await server.stop();
    janus.kill();
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
