#!/bin/bash
# werift 0.25.2, two peers on loopback. RFC 3550, 6.4.1: a sender report pairs the time at which it is sent with the RTP time of that
# moment. Expected: after the track has ended, reports that go on to tell the current time, or none (6.4: only who has sent since the
# last report sends one). Seen: the last report again, byte for byte, for as long as the connection is open.
findings=$(dirname "$(realpath "$0")")
source "$findings/begin.inc"
source "$findings/werift-call.inc"
cat >>call.js <<'JS'
const after = reports.filter(report => report.at > ended + 1500).map(report => report.bytes);
console.log(`at least 3 reports after the end of media: ${after.length >= 3}\ndifferent ones among them: ${new Set(after).size}`);
process.exit(0);
JS
node call.js | seen 'at least 3 reports after the end of media: true
different ones among them: 1'
