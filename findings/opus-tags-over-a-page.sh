#!/bin/bash
# prism-media 1.3.5 and ogg-opus-decoder 1.7.5 read one second of Opus whose OpusTags is longer than a page, as with a cover picture
# (needs ffmpeg). RFC 3533, 6, and RFC 7845, 5.2: a packet goes on in the next page; the comment header may span pages. Expected: 48,000
# samples, some 50 packets. Seen: prism-media gives no packet and no error; the decoder gives up. FFprobe reads it.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages prism-media@1.3.5 ogg-opus-decoder@1.7.5
ffmpeg -version | head -1 | cut -d' ' -f1-3
for length in 100 70000; do
  ffmpeg -v error -f lavfi -i sine=duration=1 -c:a libopus -metadata comment="$(head -c $length /dev/zero | tr '\0' x)" $length.opus
done
cat >read.js <<'JS'
import { createReadStream, readFileSync } from 'fs';
import { OggOpusDecoder } from 'ogg-opus-decoder';
import prism from 'prism-media';
for (const length of [100, 70000]) {
  let packets = 0, end = 'no error', decoded;
  try {
    for await (const packet of createReadStream(`${length}.opus`).pipe(new prism.opus.OggDemuxer())) packets += packet.length > 0;
  } catch (error) {
    end = error.message;
  }
  try {
    const decoder = new OggOpusDecoder();
    await decoder.ready;
    decoded = `${(await decoder.decodeFile(new Uint8Array(readFileSync(`${length}.opus`)))).samplesDecoded} samples`;
  } catch (error) {
    decoded = error.message;
  }
  console.log(`comment of ${length}: prism-media has ${packets ? 'packets' : 'none'}, ${end}; ogg-opus-decoder: ${decoded}`);
}
JS
{ node read.js; ffprobe -v error -show_entries packet=size -of csv=p=0 70000.opus | wc -l | xargs echo ffprobe reads packets:; } | seen 'comment of 100: prism-media has packets, no error; ogg-opus-decoder: 48000 samples
comment of 70000: prism-media has none, no error; ogg-opus-decoder: offset is out of bounds
ffprobe reads packets: 53'
