#!/bin/bash
# werift 0.25.2. Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1) tells arrivals as runs or as vectors of
# symbols. Expected: packetResults lists the packets that the report is about. Seen: a run of 3 gives 4, and vectors, which is what losses
# come as, give nothing at all, though their times are read.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages werift@0.25.2
node --input-type=module <<'JS' | seen 'a run of 3: 3 times, results for 100,101,102,103
a vector of 7 (first, third and fourth there): 3 times, results for '
import { RtcpPacketConverter } from 'werift';
const ssrcs = '00000001' + '00000002', base = '0064', reference = '00000105';
for (const [name, chunk] of [
  ['a run of 3', '8fcd0006' + ssrcs + base + '0003' + reference + '2003' + '040408' + '000000'],
  ['a vector of 7 (first, third and fourth there)', '8fcd0006' + ssrcs + base + '0007' + reference + 'ac00' + '040408' + '000000'],
]) {
  const { feedback } = RtcpPacketConverter.deSerialize(Buffer.from(chunk, 'hex'))[0];
  console.log(`${name}: ${feedback.recvDeltas.length} times, results for ${feedback.packetResults.map(x => x.sequenceNumber)}`);
}
JS
