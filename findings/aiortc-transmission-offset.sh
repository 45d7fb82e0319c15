#!/bin/bash
# aiortc 1.4.0 (Debian's python3-aiortc, which it needs). RFC 5450, 3: the transmission offset is a signed number of 24 bits. Expected: a
# packet with one is three octets of extension, and aiortc reads what it wrote. Seen: it writes two, the lowest is lost, and
# reading the packet fails. A packet of another sender with three octets is read.
source "$(dirname "$(realpath "$0")")/begin.inc"
dpkg-query -W python3-aiortc
cat >offset.py <<'PY'
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket
extensions = HeaderExtensionsMap()
extensions.configure(RTCRtpParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(id=2, uri='urn:ietf:params:rtp-hdrext:toffset')]))
packet = RtpPacket(payload_type=96, payload=b'x')
packet.extensions.transmission_offset = 1000
written = packet.serialize(extensions)
right = written[:16] + bytes.fromhex('220003e8') + b'x'
print('written for 1000:', written[16:20].hex())
for name, data in ('another sender', right), ('itself', written):
    try:
        print(name + ':', RtpPacket.parse(data, extensions).extensions.transmission_offset)
    except Exception as error:
        print(name + ':', error)
PY
/usr/bin/python3 offset.py | seen 'written for 1000: 21000300
another sender: 1000
itself: unpack requires a buffer of 4 bytes'
