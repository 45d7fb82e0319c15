#!/bin/bash
# Runs the consumer in a fresh folder, with the golden files where they are. usage: run.sh CONSUMER RECORDING
set -euo pipefail
golden=${RTPX_CAPTURES:-}/golden
if [ ! -d "$golden" ] && [ -n "${RTPX_REQUIRE_CAPTURES:-}" ]; then
  echo "there is no $golden" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -d "$golden" ]; then "$1" "$work" "$2" "$golden"; else "$1" "$work" "$2"; fi
