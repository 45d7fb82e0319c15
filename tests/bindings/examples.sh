#!/bin/bash
# Compiles the examples in Go (Debian's Pion) and Rust against the library of a build and records with them: part of
# tools/soak. What is not installed is left out. usage: examples.sh SOURCE-FOLDER LIBRARY-FOLDER
set -euo pipefail
source=$(realpath "$1") library=$(realpath "$2")
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
export LD_LIBRARY_PATH=$library

if [ -x /usr/bin/rustc ]; then
  /usr/bin/rustc -O --edition 2021 "$source/examples/rust/main.rs" -L "$library" -o "$work/record"
  # A small recording of the project's own as frames.
  python3 - "$source/tests/data/vp8_opus" >"$work/frames" <<'PY'
import json, pathlib, struct, sys
folder = pathlib.Path(sys.argv[1])
out = sys.stdout.buffer
frame = lambda kind, body: out.write(struct.pack(">I", len(body) + 1) + kind + body)
tracks = json.loads((folder / "manifest.json").read_text())
frame(b"T", json.dumps([{**track, "id": id, "rids": []} for id, track in tracks.items()]).encode())
for number, track in enumerate(tracks.values()):
    data, at = (folder / track["location"].split("/")[-1]).read_bytes(), 0
    while at < len(data):
        rid, _time, size = struct.unpack_from(">BqI", data, at)
        frame(b"P", struct.pack(">HBQ", number, rid, 0) + data[at + 13 : at + 13 + size])
        at += 13 + size
PY
  "$work/record" "$work/rust" <"$work/frames" | tee "$work/rust.json"
  grep -q '"location"' "$work/rust.json"
  # Packet for packet what was put in.
  python3 - "$source/tests/data/vp8_opus" "$work/rust" <<'PY'
import pathlib, sys
def packets(folder):
    out = []
    for file in pathlib.Path(folder).rglob("*.rtpx"):
        data, at = file.read_bytes(), 0
        while at < len(data):
            size = int.from_bytes(data[at + 9 : at + 13], "big")
            out.append(data[at + 13 : at + 13 + size])
            at += 13 + size
    return sorted(out)
assert packets(sys.argv[1]) == packets(sys.argv[2])
PY
  echo "rust: ok"
fi

if command -v go >/dev/null && [ -d /usr/share/gocode/src/github.com/pion/webrtc ]; then
  printf 'Name: rtpx\nDescription: of the build\nVersion: 0\nLibs: -L%s -lrtpx\nCflags: -I%s/include\n' "$library" "$source" >"$work/rtpx.pc"
  mkdir -p "$work/path/src/rtpx/examples"
  cp -r "$source/examples/go" "$work/path/src/rtpx/examples/go"
  (cd "$work/path/src/rtpx/examples/go" && GO111MODULE=off GOPATH=$work/path:/usr/share/gocode GOCACHE=${GOCACHE:-$work/cache} \
    PKG_CONFIG_PATH=$work go build -o "$work/whip" .)
  if /usr/bin/python3 -c 'import aiortc' 2>/dev/null; then
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$work/whip" -listen "127.0.0.1:$port" -recordings "$work/go" >"$work/go.json" &
    server=$!
    until (echo >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do kill -0 $server && sleep 0.1; done
    /usr/bin/python3 "$source/tests/bindings/whip_client.py" "http://127.0.0.1:$port/whip" 4
    for _ in $(seq 600); do [ ! -s "$work/go.json" ] || break; sleep 0.1; done
    cat "$work/go.json"
    grep -q '"location"' "$work/go.json"
    grep -q '"mime_type":"video/VP8"' "$work"/go/*/manifest.json
  fi
  echo "go: ok"
fi
