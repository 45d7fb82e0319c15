#!/bin/bash
# werift 0.25.2, two peers on loopback. RFC 3550, 4: an NTP timestamp's lower 32 bits are a fraction of a second in units of 2^-32.
# Expected: fractions all over the second, as the reports' times are. Seen: below a hundredth of a second in every report, so that the
# times of reports are wrong by up to one second, each by another amount.
findings=$(dirname "$(realpath "$0")")
source "$findings/begin.inc"
source "$findings/werift-call.inc"
cat >>call.js <<'JS'
const told = reports.map(report => Buffer.from(report.bytes, 'hex').readUInt32BE(12) / 2 ** 32);
const real = reports.map(report => report.at / 1000 % 1);
console.log(`reports: at least 3: ${told.length >= 3}\nreal times within 10 ms of a whole second, all of them: ${real.every(x => x < 0.01)}\nfractions below 10 ms, all of them: ${told.every(x => x < 0.01)}`);
process.exit(0);
JS
node call.js | seen 'reports: at least 3: true
real times within 10 ms of a whole second, all of them: false
fractions below 10 ms, all of them: true'
