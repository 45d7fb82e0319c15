#!/bin/bash
# Compiles tests/capi/consumer.cpp as C++20 with every compiler that is here, all warnings on, and runs it.
# usage: cxx20.sh SOURCE-FOLDER LIBRARY-FOLDER
set -euo pipefail
source=$1 library=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tried=0
for compiler in g++ clang++ clang++-19; do
  command -v "$compiler" >/dev/null || continue
  "$compiler" -std=c++20 -Wall -Wextra -Werror -pedantic -I"$source/include" "$source/tests/capi/consumer.cpp" \
    -o "$work/$compiler" -L"$library" -lrtpx -Wl,-rpath,"$library"
  mkdir "$work/folder-$compiler"
  "$work/$compiler" "$work/folder-$compiler" "$source/tests/data/vp8_opus"
  tried=$((tried + 1))
done
[ $tried -gt 0 ]
