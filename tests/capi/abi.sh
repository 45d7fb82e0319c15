#!/bin/bash
# Compares what librtpx.so and its header offer with the stored description of the last release: libabigail describes
# pointers to every function that the library shows, with the header's types. A change that is meant (functions and
# members that were added) is stored with `abi.sh LIBRARY SOURCE-FOLDER update`. usage: abi.sh LIBRARY SOURCE-FOLDER
set -euo pipefail
library=$1 source=$2
stored=$source/tests/capi/librtpx.abi
command -v abidw >/dev/null || { echo "abidw (abigail-tools) is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
  echo '#include "rtpx/rtpx.h"'
  nm -D --defined-only "$library" | sed -n 's/^[0-9a-f]* T \(rtpx_[a-z0-9_]*\)@@\(.*\)$/extern __typeof__(\1)* const \2_\1; __typeof__(\1)* const \2_\1 = \1;/p'
} >"$work/offered.c"
gcc -std=gnu11 -g -shared -fPIC -I"$source/include" -o "$work/offered.so" "$work/offered.c" "$library"
abidw --no-show-locs --no-corpus-path --no-comp-dir-path --type-id-style hash "$work/offered.so" |
  sed "s/ path='[^']*'//" >"$work/now.abi"
grep -q rtpx_track_record "$work/now.abi" || { echo "nothing of the interface was found in $library"; exit 1; }
if [ "${3:-}" = update ]; then
  cp "$work/now.abi" "$stored"
else
  abidiff "$stored" "$work/now.abi" || { echo "the interface differs from $stored: see above"; exit 1; }
fi
