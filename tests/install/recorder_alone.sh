#!/bin/bash
# Installs rtpx::recorder alone and uses it as another project would, by find_package and by pkg-config. It must not
# bring in FFmpeg or curl. usage: recorder_alone.sh SOURCE-FOLDER WORK-FOLDER
set -euo pipefail
source=$1 work=$2
rm -rf "$work" && mkdir -p "$work"
launcher=
command -v ccache >/dev/null && launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache
cmake -S "$source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS=-O1 -D_GLIBCXX_ASSERTIONS" $launcher -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=12 \
  -DCMAKE_INSTALL_PREFIX="$work/prefix" -DCMAKE_INSTALL_LIBDIR=lib -DRTPX_BUILD_CONVERTER=OFF -DRTPX_BUILD_S3=OFF \
  -DRTPX_BUILD_COMMAND=OFF -DRTPX_BUILD_TESTS=OFF -DRTPX_BUILD_BENCH=OFF >"$work/log"
cmake --build "$work/build" >>"$work/log" || { cat "$work/log"; exit 1; }
cmake --install "$work/build" >>"$work/log"

consumer=$source/tests/install/recorder_consumer
cmake -S "$consumer" -B "$work/by-cmake" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >>"$work/log"
cmake --build "$work/by-cmake" >>"$work/log" || { cat "$work/log"; exit 1; }
"$work/by-cmake/consumer" "$work/recording-1"

export PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig
# shellcheck disable=SC2046
g++ "$consumer/main.cpp" -o "$work/by-pkg-config" $(pkg-config --cflags --libs rtpx-recorder)
"$work/by-pkg-config" "$work/recording-2"

for program in "$work/by-cmake/consumer" "$work/by-pkg-config"; do
  if ldd "$program" | grep -E 'libav|libsw|curl|ssl'; then
    echo "$program links more than the recorder needs" >&2
    exit 1
  fi
done
