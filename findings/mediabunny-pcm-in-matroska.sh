#!/bin/bash
# mediabunny 1.61.0 reads one second of PCM in Matroska (48,000 samples, as FFmpeg writes it: SimpleBlocks without durations; needs ffmpeg).
# Expected: a second, since a block of PCM tells its own length in bytes. Seen: the last block, here 896 samples, lasts nothing,
# and the track is so much shorter; FFprobe counts all of them.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages mediabunny@1.61.0
ffmpeg -version | head -1 | cut -d' ' -f1-3
ffmpeg -v error -f lavfi -i sine=440:duration=1:sample_rate=48000 -c:a pcm_s16le -flags +bitexact -fflags +bitexact pcm.mkv
cat >read.js <<'JS'
import { ALL_FORMATS, EncodedPacketSink, FilePathSource, Input } from 'mediabunny';
const input = new Input({ source: new FilePathSource('pcm.mkv'), formats: ALL_FORMATS });
const track = await input.getPrimaryAudioTrack();
let bytes = 0, last;
for await (const packet of new EncodedPacketSink(track).packets()) bytes += (last = packet).byteLength;
console.log(`samples in packets: ${bytes / 2}\nduration of the track: ${await track.computeDuration()}\nlast packet: ${last.byteLength / 2} samples, duration ${last.duration}`);
JS
node read.js | seen 'samples in packets: 48000
duration of the track: 0.981
last packet: 896 samples, duration 0'
