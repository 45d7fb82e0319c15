#!/bin/bash
# rtp.js 0.15.5. RFC 3550, 6.4.1: the cumulative number of packets lost is a signed number of 24 bits. Expected: getTotalLost() tells what
# the report says. Seen: only 12 of the bits are read, so that a count starts again at each 4,096, and a negative one (duplicates) becomes
# a loss of thousands. Setting and getting within the library differ as well.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages rtp.js@0.15.5
node --input-type=module <<'JS' | seen '4095 in the packet: 4095
5000 in the packet: 904
100000 in the packet: 1696
-1 in the packet: 4095
5000 set: 904
-1 set: 1'
import rtp from 'rtp.js';
const { ReceiverReportPacket, ReceptionReport } = rtp.packets;
for (const lost of [4095, 5000, 100000, -1]) {
  const report = Buffer.alloc(32);
  report.writeUInt32BE(0x81c90007, 0); // a receiver report with one block
  report.writeUInt32BE(0x1111, 4);
  report.writeUInt32BE(0x2222, 8);
  report.writeIntBE(lost, 13, 3);
  const packet = new ReceiverReportPacket(rtp.utils.nodeBufferToDataView(report));
  console.log(`${lost} in the packet: ${packet.getReports()[0].getTotalLost()}`);
}
for (const lost of [5000, -1]) {
  const block = new ReceptionReport();
  block.setTotalLost(lost);
  console.log(`${lost} set: ${block.getTotalLost()}`);
}
JS
