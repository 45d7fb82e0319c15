#!/bin/bash
# rtp.js 0.15.5. RFC 3550, 6.5: an SDES chunk ends with null octets up to the next 32-bit boundary, and there the next chunk begins with
# its SSRC. Expected: two chunks are read, whatever the SSRC. Seen: if the second SSRC begins with a zero octet (one of 256 does), that
# octet is taken for the first chunk's padding and the packet is refused.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages rtp.js@0.15.5
node --input-type=module <<'JS' | seen '22222222: 2 chunks
00222222: SDES Chunk length must be multiple of 4 bytes but it is 13 bytes'
import rtp from 'rtp.js';
for (const second of ['22222222', '00222222']) {
  const chunk = ssrc => ssrc + '0105' + Buffer.from('abcde').toString('hex') + '00';
  const bytes = Buffer.from('82ca0006' + chunk('11111111') + chunk(second), 'hex');
  let answer;
  try {
    answer = `${new rtp.packets.SdesPacket(rtp.utils.nodeBufferToDataView(bytes)).getChunks().length} chunks`;
  } catch (error) {
    answer = error.message;
  }
  console.log(`${second}: ${answer}`);
}
JS
