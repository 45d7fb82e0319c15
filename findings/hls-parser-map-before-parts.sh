#!/bin/bash
# hls-parser 0.16.1. A low-latency playlist of fragmented MP4 with one EXT-X-MAP for all, whose newest segment has parts only (RFC
# 8216bis, 4.4.4.5 and 4.4.4.9). Expected: parse and stringify give the same playlist. Seen: before the parts stands an EXT-X-KEY with
# METHOD=undefined and the map's URI, which no player can take.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages hls-parser@0.16.1
node --input-type=module <<'JS' | seen '#EXT-X-MAP:URI="first.mp4"
#EXT-X-KEY:METHOD=undefined,URI="first.mp4"
#EXT-X-PART:DURATION=0.5,URI="b.0.m4s",INDEPENDENT=YES'
import hls from 'hls-parser';
const playlist = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-MAP:URI="first.mp4"
#EXTINF:4,
a.m4s
#EXT-X-PART:DURATION=0.5,URI="b.0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="b.1.m4s"
`;
console.log(hls.stringify(hls.parse(playlist)).split('\n').filter(line => /first|PART:/.test(line)).join('\n'));
JS
