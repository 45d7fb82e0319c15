#!/bin/bash
# Installs everything from a build tree and uses it as another project would: the command, and all three libraries by
# find_package and by pkg-config. usage: whole.sh SOURCE-FOLDER BUILD-FOLDER WORK-FOLDER
set -euo pipefail
source=$1 build=$2 work=$3
rm -rf "$work" && mkdir -p "$work"
cmake --install "$build" --prefix "$work/prefix" >"$work/log"
"$work/prefix/bin/rtpx" --version

consumer=$source/tests/install/whole_consumer
cmake -S "$consumer" -B "$work/by-cmake" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >>"$work/log"
cmake --build "$work/by-cmake" >>"$work/log" || { cat "$work/log"; exit 1; }
"$work/by-cmake/consumer" "$source/tests/data/vp8_opus" "$work/video-1"

PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name rtpx-converter.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
g++ "$consumer/main.cpp" -o "$work/by-pkg-config" $(pkg-config --cflags --libs rtpx-converter rtpx-s3)
"$work/by-pkg-config" "$source/tests/data/vp8_opus" "$work/video-2"
