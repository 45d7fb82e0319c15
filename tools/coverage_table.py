"""Reads what gcov prints, writes a line for each parser: python3 coverage_table.py LEAST_PER_CENT"""
import fnmatch
import re
import sys

# Whatever reads bytes that came from a network or a file.
PARSERS = [
    "src/rtp/*.cpp", "src/codec/*.cpp", "src/repair/*.cpp", "src/ingest/sdp/*.cpp", "src/ingest/capture/*.cpp",
    "src/ingest/webrtc/stun.cpp", "src/ingest/webrtc/answer.cpp", "src/ingest/webrtc/negotiation.cpp",
    "src/ingest/webrtc/demux.cpp", "src/ingest/feedback/rtcp_feedback.cpp", "src/ingest/udp/sdes.cpp",
    "src/ingest/udp/description.cpp", "src/storage/index.cpp", "src/storage/manifest.cpp",
    "src/storage/record_reader.cpp", "src/storage/record_sync.cpp", "src/storage/block_places.cpp",
    "src/base/json.cpp",
]
# These write, or hand what was read to the recorder.
OTHERS = ["src/ingest/capture/import.cpp", "src/ingest/capture/input.cpp", "src/ingest/capture/new_recording.cpp", "src/ingest/capture/writer.cpp"]


def matches(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def main():
    least = float(sys.argv[1])
    files, name = {}, None
    for line in sys.stdin:
        if found := re.match(r"File '(.+)'", line):
            name = re.sub(r"^.*?(?=src/)", "", found[1])
        elif (found := re.match(r"Lines executed:([\d.]+)% of (\d+)", line)) and name:
            if matches(name, PARSERS) and not matches(name, OTHERS):
                lines = int(found[2])
                reached = round(lines * float(found[1]) / 100)
                if reached >= files.get(name, (0, 0))[0]:
                    files[name] = reached, lines
            name = None
    for name, (reached, lines) in sorted(files.items()):
        print(f"{100 * reached / lines:6.1f} %  {reached:4} of {lines:4}  {name}")
    reached, lines = (sum(column) for column in zip(*files.values()))
    print(f"{100 * reached / lines:6.1f} %  {reached:4} of {lines:4}  in all")
    return 100 * reached / lines < least


sys.exit(main())
