#!/bin/bash
# prism-media 1.3.5, with which chat bots play WebM. RFC 9559, 10.3: a block may hold several frames (lacing), as mkvmerge writes sound without
# being asked (needs ffmpeg and Debian's mkvtoolnix 74). Expected: as many Opus packets as FFprobe finds. Seen: one for a block, with the
# lacing's head in front, so that its first octet is no Opus TOC; the last two, in BlockGroups, are gone even without lacing; no error.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages prism-media@1.3.5
ffmpeg -version | head -1 | cut -d' ' -f1-3
mkvmerge --version
ffmpeg -v error -f lavfi -i sine=duration=3 -c:a libopus plain.opus
mkvmerge --quiet --webm -o laced.webm plain.opus
mkvmerge --quiet --webm --disable-lacing -o unlaced.webm plain.opus
cat >read.js <<'JS'
import { createReadStream } from 'fs';
import prism from 'prism-media';
for (const file of ['unlaced.webm', 'laced.webm']) {
  const packets = [];
  for await (const packet of createReadStream(file).pipe(new prism.opus.WebmDemuxer())) packets.push(packet);
  console.log(`${file}: ${packets.length} packets, first octets ${[...new Set(packets.map(packet => packet[0].toString(16)))].sort()}`);
}
JS
{ node read.js; for file in unlaced laced; do ffprobe -v error -show_entries packet=size -of csv=p=0 $file.webm | wc -l | xargs echo "ffprobe, $file.webm:"; done; } | seen 'unlaced.webm: 150 packets, first octets f8
laced.webm: 22 packets, first octets 1,2,7
ffprobe, unlaced.webm: 152
ffprobe, laced.webm: 152'
