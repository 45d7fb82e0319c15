#!/bin/bash
# Installs everything from a build tree and uses it as another project would: the command, and all three libraries by
# find_package and by pkg-config. usage: whole.sh SOURCE-FOLDER BUILD-FOLDER WORK-FOLDER
set -euo pipefail
source=$1 build=$2 work=$3
rm -rf "$work" && mkdir -p "$work"
cmake --install "$build" --prefix "$work/prefix" >"$work/log"
"$work/prefix/bin/rtpx" --version
# What the Debian packages have, this has too.
for file in share/man/man1/rtpx.1 share/man/man1/rtpx-convert.1 share/bash-completion/completions/rtpx share/zsh/site-functions/_rtpx \
  share/fish/vendor_completions.d/rtpx.fish lib/systemd/system/rtpx.service share/doc/rtpx/operations.md; do
  test -s "$work/prefix/$file" || { echo "$file is not installed"; exit 1; }
done

consumer=$source/tests/install/whole_consumer
cmake -S "$consumer" -B "$work/by-cmake" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >>"$work/log"
cmake --build "$work/by-cmake" >>"$work/log" || { cat "$work/log"; exit 1; }
"$work/by-cmake/consumer" "$source/tests/data/vp8_opus" "$work/video-1"

PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name rtpx-converter.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
g++ "$consumer/main.cpp" -o "$work/by-pkg-config" $(pkg-config --cflags --libs rtpx-converter rtpx-s3)
"$work/by-pkg-config" "$source/tests/data/vp8_opus" "$work/video-2"

# The C interface: one shared library that needs nothing of the others, neither to link nor at run time.
consumer=$source/tests/install/c_consumer
cmake -S "$consumer" -B "$work/c-by-cmake" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >>"$work/log"
cmake --build "$work/c-by-cmake" >>"$work/log" || { cat "$work/log"; exit 1; }
"$work/c-by-cmake/consumer" "$work/recording-1"
libraries=$(dirname "$(find "$work/prefix" -name 'librtpx.so')")
# shellcheck disable=SC2046
gcc -std=c11 -Wall -Wextra -Werror "$consumer/main.c" -o "$work/c-by-pkg-config" $(pkg-config --cflags --libs rtpx)
LD_LIBRARY_PATH=$libraries "$work/c-by-pkg-config" "$work/recording-2"
readelf -d "$work/c-by-pkg-config" | grep -q 'NEEDED.*\[librtpx.so.1\]'
