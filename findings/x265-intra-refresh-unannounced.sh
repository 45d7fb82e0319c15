#!/bin/bash
# A stream without keyframes that is renewed bit by bit (intra refresh) says where by recovery point SEI messages (payload type 6; H.264
# section D.1.8, H.265 section D.2.8): there who joins, or has lost something, may begin. Three seconds, a refresh each 20 pictures, from x264
# and x265 with the same options (needs ffmpeg with both; Debian's 5.1, x264 164, x265 3.5). Expected: a message for each of the
# four refreshes behind the first keyframe, from either.
# Seen: x264 writes them, x265 none at all: it repeats the parameter sets there, and nothing tells that they begin a refresh.
source "$(dirname "$(realpath "$0")")/begin.inc"
ffmpeg -version | head -1 | cut -d' ' -f1-3
for codec in 264 265; do
  ffmpeg -v error -f lavfi -i testsrc2=size=320x180:rate=30:duration=3 -pix_fmt yuv420p -c:v libx$codec \
    -x$codec-params intra-refresh=1:bframes=0:keyint=20:repeat-headers=1 refresh.h$codec 2>/dev/null
done
cat >count.js <<'JS'
const { readFileSync } = require('fs');
const names = { 264: { head: 1, type: (n) => n[0] & 31, sei: 6, sps: 7 }, 265: { head: 2, type: (n) => (n[0] >> 1) & 63, sei: 39, sps: 33 } };
for (const [codec, { head, type, sei, sps }] of Object.entries(names)) {
  const units = readFileSync(`refresh.h${codec}`).toString('latin1').split(/\x00\x00\x00?\x01/).slice(1).map((u) => Buffer.from(u, 'latin1'));
  let points = 0;
  for (const unit of units.filter((u) => type(u) === sei)) {
    const body = Buffer.from(unit.subarray(head).toString('latin1').replaceAll('\x00\x00\x03', '\x00\x00'), 'latin1');
    for (let at = 0; at + 2 < body.length; ) {
      const number = () => { let sum = 0; while (body[at] === 255) sum += body[at++]; return sum + body[at++]; };
      const kind = number(), size = number();
      if (kind === 6) ++points;
      at += size;
    }
  }
  console.log(`x${codec}: ${units.filter((u) => type(u) === sps).length} sets, ${points} recovery points`);
}
JS
node count.js | seen 'x264: 5 sets, 4 recovery points
x265: 5 sets, 0 recovery points'
