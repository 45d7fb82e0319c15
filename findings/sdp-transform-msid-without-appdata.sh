#!/bin/bash
# sdp-transform 3.0.0, which many SFUs read and write SDP with. RFC 8830, section 2: msid-value = msid-id [ SP msid-appdata ].
# Expected: a msid without appdata, parsed and written, is the same line. Seen: the word "undefined" as its track.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages sdp-transform@3.0.0
node --input-type=module <<'JS' | seen 'm=audio 9 UDP/TLS/RTP/SAVPF 111
a=msid:stream undefined'
import { parse, write } from 'sdp-transform';
const sdp = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=msid:stream', ''].join('\r\n');
console.log(write(parse(sdp)).split('\r\n').slice(4, -1).join('\n'));
JS
