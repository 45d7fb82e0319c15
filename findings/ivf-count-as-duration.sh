#!/bin/bash
# IVF, which libvpx and the WebRTC world write: octets 24 to 27 of the header are the number of frames, 16 to 23 the time base. Three seconds
# of VP8 at 10 pictures a second, with RTP's 90,000 as time base (needs ffmpeg and mediainfo; Debian's 5.1 and 23.04). Expected: 30 frames,
# 3 s. Seen: both take the count for a length in the time base: a third of a millisecond, 90,000 pictures a second.
source "$(dirname "$(realpath "$0")")/begin.inc"
ffmpeg -version | head -1 | cut -d' ' -f1-3
mediainfo --Version | tail -1
ffmpeg -v error -f lavfi -i testsrc=size=160x120:rate=10:duration=3 -c:v libvpx -b:v 100k -flags +bitexact -fflags +bitexact ten.ivf
cat >rewrite.js <<'JS'
const { readFileSync, writeFileSync } = require('fs');
const file = readFileSync('ten.ivf');
file.writeUInt32LE(90000, 16);
let frames = 0;
for (let at = 32; at < file.length; at += 12 + file.readUInt32LE(at)) file.writeBigUInt64LE(BigInt(9000 * frames++), at + 4);
file.writeUInt32LE(frames, 24);
writeFileSync('rtp.ivf', file);
JS
node rewrite.js
{
  echo "ffprobe: $(ffprobe -v error -count_packets -show_entries stream=nb_read_packets:format=duration -of default=nk=1:nw=1 rtp.ivf | xargs echo packets, seconds:)"
  echo "last packet: $(ffprobe -v error -show_entries packet=pts_time -of csv=p=0 rtp.ivf | tail -1)"
  echo "mediainfo: $(mediainfo --Output='Video;%FrameCount% frames, %FrameRate% a second' rtp.ivf)"
} | seen 'ffprobe: packets, seconds: 30 0.000333
last packet: 2.900000
mediainfo: 30 frames, 90000.000 a second'
