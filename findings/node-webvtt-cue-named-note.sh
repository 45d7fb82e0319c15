#!/bin/bash
# node-webvtt 1.9.4, which cuts captions for HLS. WebVTT, 4.1: a comment is a line NOTE with nothing, a space or a tab behind it; a cue's
# identifier may be any line without an arrow. Expected: a cue called NOTE-1 is a cue. Seen: it is gone, without an error in
# strict mode, and so from each HLS segment.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages node-webvtt@1.9.4
node --input-type=module <<'JS' | seen 'parsed: SCENE-1, valid: true, errors: 0
in segments: said 0, sung 1'
import webvtt from 'node-webvtt';
const text = 'WEBVTT\n\nNOTE-1\n00:00:01.000 --> 00:00:02.000\nsaid\n\nSCENE-1\n00:00:03.000 --> 00:00:04.000\nsung\n';
const { cues, valid, errors } = webvtt.parse(text, { strict: true });
console.log(`parsed: ${cues.map(cue => cue.identifier)}, valid: ${valid}, errors: ${errors.length}`);
const segments = webvtt.hls.hlsSegment(text, 10).map(segment => segment.content).join('');
console.log(`in segments: ${['said', 'sung'].map(word => `${word} ${segments.split(word).length - 1}`).join(', ')}`);
JS
