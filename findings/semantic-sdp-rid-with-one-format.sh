#!/bin/bash
# semantic-sdp 3.31.1, the SDP library of Medooze. RFC 8851, 10: rid-pt-param-list = "pt=" fmt *( "," fmt ). Expected: one format is as good
# as two. Seen: two are read; one alone has become a number (in sdp-transform's parseParams, which it uses) and the description is refused.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages semantic-sdp@3.31.1
node --input-type=module <<'JS' | seen 'a=rid:h send pt=96,97: a=rid:h send pt=96,97
a=rid:h send pt=96: list[k].split is not a function'
import sdp from 'semantic-sdp';
for (const rid of ['a=rid:h send pt=96,97', 'a=rid:h send pt=96']) {
  const lines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'm=video 9 UDP/TLS/RTP/SAVPF 96 97', 'a=mid:0', 'a=sendonly',
    'a=ice-ufrag:abcd', 'a=ice-pwd:abcdefghijklmnopqrstuv', 'a=rtpmap:96 VP8/90000', 'a=rtpmap:97 VP9/90000', rid, 'a=simulcast:send h', ''];
  let answer;
  try {
    answer = sdp.SDPInfo.parse(lines.join('\r\n')).toString().split('\r\n').find(line => line.startsWith('a=rid'));
  } catch (error) {
    answer = error.message;
  }
  console.log(`${rid}: ${answer}`);
}
JS
