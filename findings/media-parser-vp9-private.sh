#!/bin/bash
# @remotion/media-parser 4.0.529. VP9 in WebM may have a CodecPrivate with the codec's features (profile, level, depth, subsampling; WebM
# container guidelines, "VP9 Codec Feature Metadata"); mkvmerge writes one (needs ffmpeg and Debian's mkvtoolnix 74). Expected: the file is
# read with it as without it. Seen: only without; an error for each file that has been through mkvmerge.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages @remotion/media-parser@4.0.529
ffmpeg -version | head -1 | cut -d' ' -f1-3
mkvmerge --version
ffmpeg -v error -f lavfi -i testsrc=size=160x120:rate=10:duration=1 -c:v libvpx-vp9 -b:v 100k plain.webm
mkvmerge --quiet --webm -o merged.webm plain.webm
cat >read.js <<'JS'
import { parseMedia } from '@remotion/media-parser';
import { nodeReader } from '@remotion/media-parser/node';
for (const src of ['plain.webm', 'merged.webm']) {
  let answer;
  try {
    answer = (await parseMedia({ src, reader: nodeReader, acknowledgeRemotionLicense: true, logLevel: 'error', fields: { tracks: true } })).tracks[0].codec;
  } catch (error) {
    answer = error.message.split('. ')[0];
  }
  console.log(`${src}: ${answer}`);
}
JS
node read.js | seen 'plain.webm: vp09.00.10.08
merged.webm: @remotion/media-parser cannot handle the private data for VP9'
