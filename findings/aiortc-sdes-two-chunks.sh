#!/bin/bash
# aiortc 1.4.0 (Debian's python3-aiortc, which it needs). RFC 3550, 6.5: an SDES packet has a chunk for each source, each padded to a 32-bit
# boundary; a mixer sends several. Expected: the CNAMEs of both. Seen: aiortc reads the null octet and the octet behind it as an item's
# type and length, and refuses the datagram with the sender report in it. It reads only its own way of writing, which others cannot.
source "$(dirname "$(realpath "$0")")/begin.inc"
dpkg-query -W python3-aiortc
cat >sdes.py <<'PY'
from aiortc.rtp import RtcpPacket, RtcpSdesPacket, RtcpSourceInfo
report = '80c80006' + '11111111' + '00' * 20
chunk = lambda ssrc: ssrc + '0105' + b'abcde'.hex() + '00'
one, two = '81ca0003' + chunk('11111111'), '82ca0006' + chunk('11111111') + chunk('22222222')
for name, sdes in ('one', one), ('two', two):
    try:
        print(name, 'chunks behind a report:', len(RtcpPacket.parse(bytes.fromhex(report + sdes))), 'packets read')
    except ValueError as error:
        print(name, 'chunks behind a report:', error)
written = bytes(RtcpSdesPacket([RtcpSourceInfo(1, [(1, b'abcde')]), RtcpSourceInfo(2, [(1, b'abcde')])]))
print('in what it writes the second chunk begins at octet', written.index(b'\0\0\0\2'))
PY
/usr/bin/python3 sdes.py | seen 'one chunks behind a report: 2 packets read
two chunks behind a report: RTCP SDES item is truncated
in what it writes the second chunk begins at octet 17'
