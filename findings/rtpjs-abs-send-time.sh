#!/bin/bash
# rtp.js 0.15.5. The header extension abs-send-time (webrtc.org/experiments/rtp-hdrext/abs-send-time) is the time of sending in seconds, 24
# bits of which 18 are the fraction. timeMsToAbsSendTime() makes it of milliseconds. Expected: a second later is 2^18 more, and the value
# comes round after 64 s. Seen: right for the first 8.192 s of time only; the product runs over 32 bits, so that the time jumps by 48 s
# every 16.384 s, and a bandwidth estimate with it.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages rtp.js@0.15.5
node --input-type=module <<'JS' | seen 'at 1 s: 1.000
at 8 s: 8.000
at 9 s: 56.616
at 20 s: 3.616
at 40 s: 7.232
16.384 s later: the same value'
import rtp from 'rtp.js';
const time = ms => rtp.packets.timeMsToAbsSendTime(ms);
for (const s of [1, 8, 9, 20, 40]) console.log(`at ${s} s: ${(time(s * 1000) / 2 ** 18).toFixed(3)}`);
console.log(`16.384 s later: ${time(1767225600000) === time(1767225616384) ? 'the same' : 'another'} value`);
JS
