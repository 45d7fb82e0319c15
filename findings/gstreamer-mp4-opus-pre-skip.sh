#!/bin/bash
# mp4mux of GStreamer 1.22 (Debian's gstreamer1.0-tools, -plugins-base and -plugins-good; needs ffmpeg). Opus in ISOBMFF, 4.3.2: dOps has
# OpusHead's fields, but big-endian. Expected: a second of sound, in MP4 as in WebM. Seen: the fields are copied as they stand, so that a
# pre-skip of 312 samples reads as 14,337 and the first 0.28 s are thrown away; an input rate of 48,000 Hz reads as 2,159,738,880.
source "$(dirname "$(realpath "$0")")/begin.inc"
gst-inspect-1.0 isomp4 | grep -i '  version' | xargs echo isomp4
ffmpeg -version | head -1 | cut -d' ' -f1-3
for muxer in webmmux mp4mux; do
  timeout 60 gst-launch-1.0 -q audiotestsrc num-buffers=50 samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=1 ! \
    opusenc ! $muxer ! filesink location=$muxer >gst.log 2>&1
done
cat >head.js <<'JS'
const { readFileSync } = require('fs');
for (const [name, at, u16, u32] of [['webmmux', 'OpusHead', 'readUInt16LE', 'readUInt32LE'], ['mp4mux', 'dOps', 'readUInt16BE', 'readUInt32BE']]) {
  const file = readFileSync(name), box = file.indexOf(at) + at.length + 2; // behind version and channels
  console.log(`${name}: pre-skip ${file[u16](box)}, input rate ${file[u32](box + 2)}`);
}
JS
{
  node head.js
  for muxer in webmmux mp4mux; do echo "$muxer: $(($(ffmpeg -v error -i $muxer -f s16le -ac 1 -ar 48000 - | wc -c) / 2)) samples of 48000"; done
} | seen 'webmmux: pre-skip 312, input rate 48000
mp4mux: pre-skip 14337, input rate 2159738880
webmmux: 48000 samples of 48000
mp4mux: 34623 samples of 48000'
