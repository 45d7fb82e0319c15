#!/bin/bash
# m3u8-parser 7.2.0, the parser of video.js. RFC 8216bis, 4.4.4.7: EXT-X-GAP says that a segment is not there and must not be fetched.
# Expected: something in the parsed segment tells so. Seen: its keys are those of any other segment.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages m3u8-parser@7.2.0
node --input-type=module <<'JS' | seen 'there: duration,timeline,uri
gap: duration,timeline,uri'
import { Parser } from 'm3u8-parser';
const parser = new Parser();
parser.push('#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n#EXT-X-GAP\n#EXTINF:4,\nb.ts\n#EXT-X-ENDLIST\n');
parser.end();
const [there, gap] = parser.manifest.segments;
console.log(`there: ${Object.keys(there).sort()}\ngap: ${Object.keys(gap).sort()}`);
JS
