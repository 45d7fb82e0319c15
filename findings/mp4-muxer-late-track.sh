#!/bin/bash
# mp4-muxer 5.2.2 (needs ffprobe). Sound from 0 s, picture from 0.5 s, with firstTimestampBehavior 'cross-track-offset', which is for tracks
# that begin at different times. ISO/IEC 14496-12, 8.6.6 (edit lists) and 8.8.12 (tfdt). Expected: pictures at 0.5, 0.6, 0.7 s in either
# layout. Seen: in a plain file the first picture is at 0; in a fragmented one the delay counts twice from the second picture on.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages mp4-muxer@5.2.2
ffprobe -version | head -1 | cut -d' ' -f1-3
cat >write.js <<'JS'
import { writeFileSync } from 'fs';
import { ArrayBufferTarget, Muxer } from 'mp4-muxer';
for (const fastStart of ['in-memory', 'fragmented']) {
  const target = new ArrayBufferTarget();
  const muxer = new Muxer({ target, fastStart, firstTimestampBehavior: 'cross-track-offset',
    video: { codec: 'avc', width: 160, height: 120 }, audio: { codec: 'opus', numberOfChannels: 2, sampleRate: 48000 } });
  const video = { decoderConfig: { codec: 'avc1.42e01e', codedWidth: 160, codedHeight: 120, description: new Uint8Array([1, 0x42, 0xe0, 0x1e, 0xff, 0xe0, 0]) } };
  const audio = { decoderConfig: { codec: 'opus', numberOfChannels: 2, sampleRate: 48000 } };
  for (let i = 0; i < 50; ++i) muxer.addAudioChunkRaw(new Uint8Array([0xf8, 0xff, 0xfe]), 'key', 20000 * i, 20000, audio);
  for (let i = 0; i < 5; ++i) muxer.addVideoChunkRaw(new Uint8Array([0, 0, 0, 2, i ? 0x41 : 0x65, 0x80]), i ? 'delta' : 'key', 500000 + 100000 * i, 100000, video);
  muxer.finalize();
  writeFileSync(`${fastStart}.mp4`, new Uint8Array(target.buffer));
}
JS
node write.js
for file in in-memory fragmented; do
  echo "$file: $(ffprobe -v quiet -select_streams v -show_entries packet=pts_time -of csv=p=0 $file.mp4 | head -3 | xargs)"
done | seen 'in-memory: 0.000000 0.600000 0.700000
fragmented: 0.500000 1.100000 1.200000'
