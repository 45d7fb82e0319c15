// Publishes camera and microphone by WHIP, each frame encrypted by livekit-client's own worker:
// e2ee_publish.html?whip=URL&passphrase=P[&codec=VP8]. publishing() and stop() are for the test.
const query = new URLSearchParams(location.search);
const status = (text) => { document.getElementById('status').textContent = text; };
const identity = 'tester';
const worker = new Worker('/livekit-client.e2ee.worker.js');
const answers = (kind) => new Promise((done) => worker.addEventListener('message', ({ data }) => data.kind === kind && done()));

async function startWorker() {
  const ready = answers('initAck');
  worker.postMessage({ kind: 'init', data: { loglevel: 'warn',
    keyProviderOptions: { sharedKey: true, ratchetSalt: 'LKFrameEncryptionKey', ratchetWindowSize: 0, failureTolerance: -1, keyringSize: 16, keySize: 128 } } });
  await ready;
  const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(query.get('passphrase')), 'PBKDF2', false, ['deriveBits', 'deriveKey']);
  worker.postMessage({ kind: 'setKey', data: { key, keyIndex: 0, isPublisher: true, participantIdentity: identity, updateCurrentKeyIndex: true } });
  const enabled = answers('enable');
  worker.postMessage({ kind: 'enable', data: { enabled: true, participantIdentity: identity } });
  await enabled;
}

function encrypt(sender) {
  const trackId = sender.track.id;
  if ('createEncodedStreams' in sender) {  // as livekit-client does: Chromium's older way first
    const { readable, writable } = sender.createEncodedStreams();
    worker.postMessage({ kind: 'encode', data: { readableStream: readable, writableStream: writable, trackId, participantIdentity: identity, hasPacketTrailer: false } },
      [readable, writable]);
  } else {
    sender.transform = new RTCRtpScriptTransform(worker, { kind: 'encode', trackId, participantIdentity: identity, hasPacketTrailer: false });
  }
}

/** Which payload type is which codec, as the room tells livekit-client's worker. */
function tellCodecs(sdp) {
  const map = new Map();
  for (const [, type, name] of sdp.matchAll(/^a=rtpmap:(\d+) (VP8|VP9|H264|H265)\//gm)) map.set(Number(type), name.toLowerCase());
  worker.postMessage({ kind: 'setRTPMap', data: { map, participantIdentity: identity } });
}

async function publish() {
  await startWorker();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
  const connection = new RTCPeerConnection({ encodedInsertableStreams: true });
  for (const track of stream.getTracks()) {
    const transceiver = connection.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    if (track.kind === 'video' && query.get('codec')) {
      const { codecs } = RTCRtpSender.getCapabilities('video');
      transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === `video/${query.get('codec')}`));
    }
    encrypt(transceiver.sender);
  }
  await connection.setLocalDescription();
  tellCodecs(connection.localDescription.sdp);
  if (connection.iceGatheringState !== 'complete') {
    await new Promise((done) => connection.addEventListener('icegatheringstatechange', () => connection.iceGatheringState === 'complete' && done()));
  }
  const answer = await fetch(query.get('whip'), { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: connection.localDescription.sdp });
  if (!answer.ok) throw new Error(`WHIP: ${answer.status} ${await answer.text()}`);
  const session = new URL(answer.headers.get('Location'), query.get('whip'));
  await connection.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  window.framesSent = async () => {
    let frames = 0;
    for (const report of (await connection.getStats()).values()) frames += report.type === 'outbound-rtp' ? report.framesEncoded ?? 0 : 0;
    return frames;
  };
  window.stop = async () => {
    await fetch(session, { method: 'DELETE' });
    connection.close();
  };
  setInterval(async () => status(`sent ${await window.framesSent()}`), 200);
}

publish().catch((error) => status(`failed: ${error.message}`));
