#!/bin/bash
# rtp.js 0.15.5. RFC 4585, 6.2.1: a NACK item is the first lost sequence number and a mask for the 16 after it. Expected: createNackItem()
# makes one of neighbours. Seen: it sorts the numbers as text, takes the wrong one for the first, and refuses neighbours wherever
# a digit is added, as it does across the wrap.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages rtp.js@0.15.5
node --input-type=module <<'JS' | seen '8 and 9: pid 8, mask 1
9 and 10: cannot create a NACK bitmask with given seq numbers
999 and 1000: cannot create a NACK bitmask with given seq numbers
9998 and 10002: cannot create a NACK bitmask with given seq numbers
65535 and 0: cannot create a NACK bitmask with given seq numbers'
import rtp from 'rtp.js';
for (const [a, b] of [[8, 9], [9, 10], [999, 1000], [9998, 10002], [65535, 0]]) {
  let answer;
  try {
    const { pid, bitmask } = rtp.packets.createNackItem([a, b]);
    answer = `pid ${pid}, mask ${bitmask}`;
  } catch (error) {
    answer = error.message;
  }
  console.log(`${a} and ${b}: ${answer}`);
}
JS
