#!/bin/bash
# sdp-transform 3.0.0. RFC 8858: rtcp-mux-only says that the sender has no port for RTCP at all; rtcp-mux only offers to do without.
# RFC 8839, section 5.6: ice-options is a list. Expected: both lines survive parse and write. Seen: neither does.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages sdp-transform@3.0.0
node --input-type=module <<'JS' | seen 'a=rtcp-mux
a=ice-options:trickle'
import { parse, write } from 'sdp-transform';
const head = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111'];
for (const line of ['a=rtcp-mux-only', 'a=ice-options:trickle ice2'])
  console.log(write(parse([...head, line, ''].join('\r\n'))).split('\r\n').slice(5, -1).join('\n'));
JS
