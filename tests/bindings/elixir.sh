#!/bin/bash
# Builds bindings/elixir in a folder of its own against the library of this build and runs its tests.
# usage: elixir.sh SOURCE-FOLDER LIBRARY-FOLDER WORK-FOLDER
set -euo pipefail
source=$1 library=$2 work=$3
command -v mix >/dev/null || { echo "mix (elixir) is not installed"; exit 77; }
[ -f "$(erl -noshell -eval 'io:put_chars(code:root_dir()), halt().')/usr/include/erl_nif.h" ] ||
  { echo "erl_nif.h (erlang-dev) is not installed"; exit 77; }
rm -rf "$work/project" && mkdir -p "$work/project"
cp -r "$source"/bindings/elixir/. "$work/project"
cd "$work/project"
export MIX_ENV=test MIX_HOME=$work/mix MIX_BUILD_PATH=$work/build LANG=C.UTF-8
export RTPX_CFLAGS="-I$source/include -Werror" RTPX_LIBS="-L$library -lrtpx -Wl,-rpath,$library"
export RTPX_SOURCE_TEST_FOLDER=$source/bindings/elixir/test RTPX_S3_STUB=$source/tests/s3/stub_server
mix test --warnings-as-errors
