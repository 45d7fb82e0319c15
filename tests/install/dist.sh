#!/bin/bash
# The source tarball: the same bytes each time, and configured where there is no repository; what it holds makes the same
# tarball's contents again. usage: dist.sh SOURCE-FOLDER WORK-FOLDER
set -euo pipefail
source=$1 work=$2
rm -rf "$work" && mkdir -p "$work"
first=$source/$("$source/tools/dist")
cp "$first" "$work/first.tar.gz"
"$source/tools/dist" >/dev/null
cmp "$work/first.tar.gz" "$first"
export GIT_CEILING_DIRECTORIES=$work  # no repository above is this one's
tar -xzf "$work/first.tar.gz" -C "$work"
cd "$work"/rtpx-*
cmake -S . -B "$work/configured" -G Ninja -DRTPX_BUILD_CONVERTER=OFF -DRTPX_BUILD_S3=OFF -DRTPX_BUILD_COMMAND=OFF \
  -DRTPX_BUILD_TESTS=OFF -DRTPX_BUILD_BENCH=OFF >"$work/log" || { cat "$work/log"; exit 1; }
again=$(tools/dist)
diff <(tar -tzf "$work/first.tar.gz" | sed '/\/$/d' | sort) <(tar -tzf "$again" | sed '/\/$/d' | sort)
