#!/bin/bash
# werift 0.25.2. RFC 7741, 4.2: the octet with TID, Y and KEYIDX is there if T or K is set; TL0PICIDX (L) is optional with T. Expected: the
# payload is the same whichever fields stand before it. Seen: with T alone the octet stays in front of the picture, so that what
# is written does not decode, and a picture that is none counts as a keyframe.
source "$(dirname "$(realpath "$0")")/begin.inc"
packages werift@0.25.2
node --input-type=module <<'JS' | seen 'no field: picture 310200aabb, keyframe: false
L and T: picture 310200aabb, keyframe: false
K: picture 310200aabb, keyframe: false
T: picture 40310200aabb, keyframe: true'
import { Vp8RtpPayload } from 'werift';
const picture = '310200aabb'; // its first bit set: no keyframe
for (const [name, descriptor] of [['no field', '10'], ['L and T', '90600740'], ['K', '901001'], ['T', '902040']]) {
  const read = Vp8RtpPayload.deSerialize(Buffer.from(descriptor + picture, 'hex'));
  console.log(`${name}: picture ${read.payload.toString('hex')}, keyframe: ${read.isKeyframe}`);
}
JS
