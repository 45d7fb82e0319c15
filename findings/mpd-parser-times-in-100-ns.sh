#!/bin/bash
# mpd-parser 1.4.0, the DASH parser of video.js. ISO/IEC 23009-1, 5.3.9.6: S@t is an unsigned 64-bit number. Live packagers count in 100 ns
# since 1970, which has passed 2^53 long ago. Expected: $Time$ is filled in as it stands in the manifest. Seen: rounded to an even number,
# so that a segment at an odd time is asked for under a name that does not exist.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages mpd-parser@1.4.0
node --input-type=module <<'JS' | seen '17959722637210001 is fetched as 17959722637210000
17959722657210003 is fetched as 17959722657210004
17959722677210004 is fetched as 17959722677210004'
import { parse } from 'mpd-parser';
const times = ['17959722637210001', '17959722657210003', '17959722677210004'];
const mpd = `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT6S" minBufferTime="PT2S"
  profiles="urn:mpeg:dash:profile:isoff-live:2011"><Period><AdaptationSet mimeType="video/mp4" contentType="video">
  <SegmentTemplate timescale="10000000" presentationTimeOffset="${times[0]}" media="$Time$.m4s" initialization="i.mp4"><SegmentTimeline>
  ${times.map(t => `<S t="${t}" d="20000000"/>`).join('')}</SegmentTimeline></SegmentTemplate>
  <Representation id="v" bandwidth="1000" codecs="vp09.00.10.08" width="160" height="120"/></AdaptationSet></Period></MPD>`;
parse(mpd, { manifestUri: 'http://media.example/live.mpd' }).playlists[0].segments
  .forEach((segment, i) => console.log(`${times[i]} is fetched as ${segment.uri.replace('.m4s', '')}`));
JS
