#!/bin/bash
# werift 0.25.2. RFC 3550, 6.1: RTCP packets are stacked in one datagram, each with its own length. Expected: a NACK of packet 100 with
# a PLI behind it names packet 100. Seen: the NACK is read to the end of the datagram: the PLI's header and SSRCs
# become six more lost packets, which are sent again if they are still at hand.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages werift@0.25.2
node --input-type=module <<'JS' | seen 'alone: 205 lost 100
with a PLI behind it: 205 lost 100,33230,33232,0,1,0,2; 206'
import { RtcpPacketConverter } from 'werift';
const nack = '81cd0003' + '00000001' + '00000002' + '00640000', pli = '81ce0002' + '00000001' + '00000002';
for (const [name, bytes] of [['alone', nack], ['with a PLI behind it', nack + pli]])
  console.log(`${name}: ${RtcpPacketConverter.deSerialize(Buffer.from(bytes, 'hex'))
    .map(packet => packet.feedback.lost ? `${packet.type} lost ${packet.feedback.lost}` : packet.type).join('; ')}`);
JS
