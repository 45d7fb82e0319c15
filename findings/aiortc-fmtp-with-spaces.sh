#!/bin/bash
# aiortc 1.4.0 (Debian's python3-aiortc, which it needs). RFC 6184, 8.2.1 and 8.3, writes H.264's parameters with a space behind each
# semicolon. Expected: an offer of H.264 is answered either way. Seen: the space becomes a part of the next parameter's name, so that
# packetization-mode=1 is not found, no codec is left in common, and the offer is refused.
source "$(dirname "$(realpath "$0")")/begin.inc"
dpkg-query -W python3-aiortc
cat >offer.py <<'PY'
import asyncio
from aiortc import RTCPeerConnection, RTCSessionDescription
fingerprint = 'a=fingerprint:sha-256 ' + ':'.join(['00'] * 32)
async def answer(space):
    lines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0',
             'a=mid:0', 'a=sendonly', 'a=rtcp-mux', 'a=ice-ufrag:abcd', 'a=ice-pwd:abcdefghijklmnopqrstuv', fingerprint, 'a=setup:actpass',
             'a=rtpmap:96 H264/90000', f'a=fmtp:96 profile-level-id=42e01f;{space}packetization-mode=1', '']
    connection = RTCPeerConnection()
    try:
        await connection.setRemoteDescription(RTCSessionDescription('\r\n'.join(lines), 'offer'))
        return [line for line in (await connection.createAnswer()).sdp.splitlines() if line.startswith('a=rtpmap')][0]
    except Exception as error:
        return error
    finally:
        await connection.close()
for name, space in ('without', ''), ('with', ' '):
    print(name, 'a space:', asyncio.run(answer(space)))
PY
/usr/bin/python3 offer.py | seen 'without a space: a=rtpmap:96 H264/90000
with a space: Failed to set remote video description send parameters'
