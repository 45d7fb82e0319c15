#!/bin/bash
# webvtt-parser 2.2.0. WebVTT, 4.2.2 (cue text: an escape is &amp; &lt; &gt; and the like). Expected: what is parsed and serialized says the
# same. Seen: each escape gets a second semicolon, which is text and is shown; each further round adds another.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages webvtt-parser@2.2.0
node --input-type=module <<'JS' | seen 'R&amp;;D &lt;;live&gt;;, errors: 0
R&amp;;;D &lt;;;live&gt;;;, errors: 0'
import webvtt from 'webvtt-parser';
let text = 'WEBVTT\n\n00:01.000 --> 00:02.000\nR&amp;D &lt;live&gt;\n';
for (let round = 0; round < 2; ++round) {
  const { cues, errors } = new webvtt.WebVTTParser().parse(text, 'subtitles');
  text = new webvtt.WebVTTSerializer().serialize(cues);
  console.log(`${text.split('\n').find(line => line.startsWith('R&'))}, errors: ${errors.length}`);
}
JS
