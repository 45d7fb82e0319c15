// Records what Chromium sends in a scalability mode: node record_layers.mjs FOLDER, with RTPX=path of the command. So
// av1_l2t3 and h264_l1t3 of tests/data were made.
import fs from 'node:fs';
import path from 'node:path';
import { launch, recordingOf, serve, stateOf } from './browser.mjs';

const CALLS = [['AV1', 'L2T3', 640], ['H264', 'L1T3', 320]];
const folder = process.argv[2];
const server = await serve(folder);
const browser = await launch();
try {
  for (const [codec, mode, width] of CALLS) {
    const page = await browser.newPage();
    await page.goto(server.url);
    const name = `${codec}_${mode}`.toLowerCase();
    const sent = await page.evaluate(async ({ name, codec, mode, width }) => {
      const { publish, endSession } = await import('/api.js');
      const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width, height: (width * 9) / 16, frameRate: 20 } });
      const connection = new RTCPeerConnection();
      const video = connection.addTransceiver(stream.getTracks()[0], {
        direction: 'sendonly', streams: [stream], sendEncodings: [{ scalabilityMode: mode, maxBitrate: 400000 }],
      });
      video.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter((entry) => entry.mimeType === `video/${codec}`));
      const extensions = video.getHeaderExtensionsToNegotiate();
      for (const one of extensions) if (one.uri.includes('dependency-descriptor')) one.direction = 'sendrecv';
      video.setHeaderExtensionsToNegotiate(extensions);
      await connection.setLocalDescription(await connection.createOffer());
      const session = await publish(connection.localDescription.sdp, { name });
      await connection.setRemoteDescription({ type: 'answer', sdp: session.sdp });
      while (connection.connectionState !== 'connected') await pause(50);
      await pause(3000);
      const { scalabilityMode } = video.sender.getParameters().encodings[0];
      await endSession(session.url);
      connection.close();
      return scalabilityMode;
    }, { name, codec, mode, width });
    const { id } = await recordingOf(server.url, name);
    const entry = await stateOf(server.url, id, ['ready', 'failed']);
    console.log(name, sent, entry.state, path.join(server.recordings, id));
    fs.cpSync(path.join(server.recordings, id), path.join(folder, name), { recursive: true });
    await page.close();
  }
} finally {
  await browser.close();
  await server.stop();
}
