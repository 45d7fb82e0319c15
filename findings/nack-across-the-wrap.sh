#!/bin/bash
# rtp.js 0.15.5, werift 0.25.2, aiortc 1.4.0 and tshark 4.0 (Debian's python3-aiortc and tshark, which it needs). RFC 4585, 6.2.1: bit i of
# the mask stands for the packet (PID + i) modulo 2^16. Expected: a NACK of 65535 with mask 1 names 65535 and 0. Seen: all four name
# a packet 65536, which cannot exist, so that a sender looks it up in vain; and aiortc cannot write such a NACK.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages rtp.js@0.15.5 werift@0.25.2
dpkg-query -W python3-aiortc tshark
nack=81cd00030000000100000002ffff0001
cat >npm.js <<'JS'
import rtp from 'rtp.js';
import { RtcpPacketConverter } from 'werift';
const bytes = Buffer.from(process.argv[2], 'hex');
const { pid, bitmask } = new rtp.packets.NackPacket(rtp.utils.nodeBufferToDataView(bytes)).getItems()[0];
console.log(`rtp.js: ${rtp.packets.parseNackItem(pid, bitmask)}`);
console.log(`werift: ${RtcpPacketConverter.deSerialize(bytes)[0].feedback.lost}`);
JS
cat >debian.py <<'PY'
import struct, sys
from aiortc.rtp import RtcpPacket, RtcpRtpfbPacket
data = bytes.fromhex(sys.argv[1])
print('aiortc:', ','.join(map(str, RtcpPacket.parse(data)[0].lost)))
try:
    print('aiortc writes', bytes(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=2, lost=[65535, 0])).hex())
except ValueError as error:
    print('aiortc writes it:', error)
udp = struct.pack('!HHHH', 5005, 5005, 8 + len(data), 0) + data
packet = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b'\x7f\0\0\1', b'\x7f\0\0\1') + udp
open('nack.pcap', 'wb').write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101) + struct.pack('<IIII', 0, 0, len(packet), len(packet)) + packet)
PY
{ node npm.js $nack; /usr/bin/python3 debian.py $nack; tshark -r nack.pcap -d udp.port==5005,rtcp -V 2>/dev/null | sed -n 's/.*Frame \(.*also lost\)/tshark: 65535, \1/p'; } |
  seen 'rtp.js: 65535,65536
werift: 65535,65536
aiortc: 65535,65536
aiortc writes it: negative shift count
tshark: 65535, 65536 also lost'
