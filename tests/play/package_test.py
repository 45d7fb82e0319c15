#!/usr/bin/env python3
"""`rtpx package` against the rules of RFC 8216bis, against the conversion of the same recording (each frame by hash and
time, as FFmpeg reads both), and played by FFmpeg: package_test.py PATH_TO_RTPX RECORDING…

RECORDING may be relative to RTPX_CAPTURES; without captures what is relative is skipped."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

import playlists

RTPX = sys.argv[1]
DASH = "{urn:mpeg:dash:schema:mpd:2011}"


def run(*command, allowed=(0,)):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
    assert done.returncode in allowed, f"{command}: {done.returncode} {done.stderr}"
    return done


def packets(file, stream):
    """[(seconds, hash)] of the packets of a stream, by FFmpeg."""
    out = run("ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time,data_hash",
              "-show_data_hash", "md5", "-of", "json", file).stdout
    return [(float(p["pts_time"]), p["data_hash"]) for p in json.loads(out).get("packets", [])]


def streams(file):
    out = run("ffprobe", "-v", "error", "-show_entries", "stream=codec_type,codec_name,index", "-of", "json", file).stdout
    return json.loads(out)["streams"]


def joined(folder, rendition, into):
    """The frames of a rendition: its segments behind their initialization segments, a file for each run of one."""
    out, run_of = [], []

    def flush():
        if run_of:
            names = [rendition["inits"][run_of[0]["init"]]["url"]] + [segment["url"] for segment in run_of]
            into.write_bytes(b"".join((folder / name).read_bytes() for name in names))
            out.extend(packets(into, "0"))
            run_of.clear()

    for segment in rendition["segments"]:
        left_out = segment.get("gap") or segment.get("filler")
        if left_out or (run_of and segment["init"] != run_of[0]["init"]):
            flush()
        if not left_out:
            run_of.append(segment)
    flush()
    return out


def converted(recording, folder, container):
    """{(track, rid): [(seconds, hash)]}, and the sound, of the conversion."""
    done = run(RTPX, "convert", recording, "-o", folder, "--json", "--format", container, allowed=(0, 1))
    return json.loads(done.stdout)


def compare(name, played, file, lead=0):
    """Frames of segments are the file's; times differ by the same few milliseconds that a container rounds."""
    assert len(played) == len(file), f"{name}: {len(played)} frames in segments, {len(file)} in the conversion"
    shift = played[-1][0] - file[-1][0] if played else None
    for number, ((at, digest), (expected_at, expected)) in enumerate(zip(played, file)):
        assert digest == expected, f"{name}: another frame at {at} s"
        early = expected_at + shift - at
        # The first picture stands still from the beginning on, for up to a quarter of a second.
        most = 0.25 if number == 0 else 0.0015
        assert -0.0015 < early < most, f"{name}: {at} s for {expected_at} s (all: {shift} s apart)"
    return shift


def check_dash(folder, lists):
    """Every address of the manifest is a file, and its timeline has no hole."""
    root = xml.parse(folder / "manifest.mpd").getroot()
    found = 0
    for representation in root.iter(f"{DASH}Representation"):
        template = representation.find(f"{DASH}SegmentTemplate")
        assert (folder / template.get("initialization")).is_file(), template.get("initialization")
        number, end = int(template.get("startNumber")), None
        for entry in template.iter(f"{DASH}S"):
            name = template.get("media").replace("$Number$", str(number))
            assert (folder / name).is_file(), name
            assert end is None or int(entry.get("t")) == end, f"{name}: a hole"
            number, end, found = number + 1, int(entry.get("t")) + int(entry.get("d")), found + 1
    expected = sum(not segment["gap"] for media in lists.values() for segment in media.segments)
    assert found == expected, f"{found} segments in the manifest, {expected} in the playlists"


def check(recording, folder):
    done = run(RTPX, "package", recording, "-o", folder / "site", allowed=(0, 1))
    site = folder / "site"
    top, lists = playlists.check_presentation(site)
    check_dash(site, lists)
    index = json.loads((site / "index.json").read_text())
    webm = any("webm" in init["mime"] for rendition in index["programs"][0]["renditions"] for init in rendition["inits"])
    container = "mkv" if index["left_out"] else "webm" if webm else "fmp4"
    result = converted(recording, folder / "converted", container)
    assert len(done.stdout.split()) == 2 * len(index["programs"])
    shifts, compared = {}, 0
    for rendition in index["programs"][0]["renditions"]:
        kind = rendition["kind"]
        layered = rendition.get("rid") and kind == "video"
        files = [file for key, file in result.items() if not layered or key.endswith("_" + rendition["rid"])]
        file = files[0]
        if file.get("parts") or kind not in [s["codec_type"] for s in streams(file["location"])]:
            continue  # each part has a zero of its own
        if len([r for r in index["programs"][0]["renditions"] if r["kind"] == kind]) > 1 and not layered:
            continue
        played = joined(site, rendition, folder / "joined")
        shift = compare(f"{recording} {rendition['id']}", played, packets(file["location"], f"{kind[0]}:0"))
        shifts.setdefault(file["location"], {})[kind] = shift
        compared += 1
    for file, by_kind in shifts.items():
        apart = abs(by_kind.get("video", 0) - by_kind.get("audio", 0)) if len(by_kind) == 2 else 0
        assert apart < 0.0015, f"{recording}: sound and picture are apart by other than in the conversion: {by_kind}"
    # FFmpeg plays the playlist whole, but takes no other codec in mid-stream.
    codecs = {codec.split(".")[0] for codec in top.variants[0]["CODECS"].split(",")}
    if len(codecs) > 2:
        return print(f"{recording}: {len(lists)} renditions, {compared} compared, codecs {sorted(codecs)}")
    said = run("ffmpeg", "-v", "error", "-xerror", "-i", site / "index.m3u8", "-map", "0", "-f", "null", "-").stderr
    said = "\n".join(line for line in said.splitlines() if "non monotonically increasing dts to muxer" not in line)
    assert said == "", f"{recording}: FFmpeg says {said}"
    print(f"{recording}: {len(lists)} renditions, {sum(len(m.segments) for m in lists.values())} segments, {compared} compared")


def main():
    captures = os.environ.get("RTPX_CAPTURES")
    tried = 0
    for name in sys.argv[2:]:
        recording = pathlib.Path(name)
        if not recording.is_absolute():
            if captures is None:
                if os.environ.get("RTPX_REQUIRE_CAPTURES"):
                    sys.exit("RTPX_CAPTURES is not set")
                continue
            recording = pathlib.Path(captures) / name
        with tempfile.TemporaryDirectory(prefix="rtpx-package-") as folder:
            check(recording, pathlib.Path(folder))
        tried += 1
    sys.exit(0 if tried else 77)


main()
