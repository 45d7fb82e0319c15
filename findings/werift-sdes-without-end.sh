#!/bin/bash
# werift 0.25.2 writes, rtp.js 0.15.5 reads. RFC 3550, 6.5: the list of items in each chunk MUST be terminated by one or more null octets.
# Expected: any CNAME can be written, and read by the other. Seen: where the items end on a 32-bit boundary (one of four lengths),
# werift writes no null octet, and rtp.js refuses the packet.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages werift@0.25.2 rtp.js@0.15.5
node --input-type=module <<'JS' | seen 'abcde: CNAME abcde, the last octets: 6500
abcdef: SDES Chunk has wrong number of null octests at the end (0 null octets), the last octets: 6566'
import rtp from 'rtp.js';
import { RtcpSourceDescriptionPacket, SourceDescriptionChunk, SourceDescriptionItem } from 'werift';
for (const text of ['abcde', 'abcdef']) {
  const chunk = new SourceDescriptionChunk({ source: 1, items: [new SourceDescriptionItem({ type: 1, text })] });
  const bytes = new RtcpSourceDescriptionPacket({ chunks: [chunk] }).serialize();
  let answer;
  try {
    answer = `CNAME ${new rtp.packets.SdesPacket(rtp.utils.nodeBufferToDataView(bytes)).getChunks()[0].getItems()[0].text}`;
  } catch (error) {
    answer = error.message;
  }
  console.log(`${text}: ${answer}, the last octets: ${bytes.subarray(-2).toString('hex')}`);
}
JS
