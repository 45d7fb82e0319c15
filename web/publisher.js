// Sends media to the server: one RTCPeerConnection, one WHIP session.
import { endSession, publish } from './api.js';

const LAYERS = [
  { rid: 'q', scaleResolutionDownBy: 4 },
  { rid: 'h', scaleResolutionDownBy: 2 },
  { rid: 'f' },
];

/** Video codecs that this browser can send, best known first. */
export function videoCodecs() {
  const known = RTCRtpSender.getCapabilities?.('video')?.codecs ?? [];
  const names = new Set(known.map((codec) => codec.mimeType.split('/')[1].toUpperCase()));
  return ['VP8', 'VP9', 'H264', 'AV1'].filter((name) => names.has(name));
}

function prefer(transceiver, codec) {
  const { codecs } = RTCRtpSender.getCapabilities('video');
  const wanted = (entry) => entry.mimeType.toUpperCase() === `VIDEO/${codec}`;
  // No RED and FEC: what is lost is asked for again, and a lost FEC packet could not be.
  const again = (entry) => /\/rtx$/i.test(entry.mimeType);
  transceiver.setCodecPreferences?.([...codecs.filter(wanted), ...codecs.filter(again)]);
}

function gathered(connection) {
  if (connection.iceGatheringState === 'complete') return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => connection.iceGatheringState === 'complete' && resolve();
    connection.addEventListener('icegatheringstatechange', done);
    setTimeout(resolve, 1000); // the server needs none of our candidates
  });
}

/**
 * Publishes `stream`, perhaps to go on with a recording or together with others; `onLost` is called when the connection
 * breaks for good.
 */
export async function startPublishing(stream, { codec, simulcast, onLost, ...about }) {
  const connection = new RTCPeerConnection();
  for (const track of stream.getTracks()) {
    const options = { direction: 'sendonly', streams: [stream] };
    if (track.kind === 'video' && simulcast) options.sendEncodings = LAYERS;
    const transceiver = connection.addTransceiver(track, options);
    if (track.kind === 'video' && codec) prefer(transceiver, codec);
  }
  let session;
  const stop = async () => {
    connection.onconnectionstatechange = null;
    // DELETE first: it ends the recording even where the closing of the connection gets lost.
    if (session) await endSession(session.url).catch(() => {});
    connection.close();
  };
  try {
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    session = await publish(connection.localDescription.sdp, about);
    await connection.setRemoteDescription({ type: 'answer', sdp: session.sdp });
  } catch (error) {
    connection.close();
    throw error;
  }
  connection.onconnectionstatechange = () => {
    if (connection.connectionState === 'failed') onLost();
  };
  return { stop, id: session.url.split('/').pop(), recording: session.recording, resume: session.resume };
}
