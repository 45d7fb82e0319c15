#!/bin/bash
# mkvextract 74 (Debian's mkvtoolnix; needs ffmpeg). A second of VP8 with 60 pictures in Matroska without DefaultDuration, which RFC 9559,
# 5.1.4.1.13, leaves optional and recorders of calls leave out. An IVF file states its time base. Expected: the pictures' times survive,
# to Matroska's millisecond. Seen: the time base is 1/25 s, so that up to three pictures share a time; no warning.
source "$(dirname "$(realpath "$0")")/begin.inc"
mkvextract --version
ffmpeg -version | head -1 | cut -d' ' -f1-3
ffmpeg -v error -f lavfi -i testsrc=size=160x120:rate=60:duration=1 -c:v libvpx -b:v 100k call.mkv
mkvpropedit --quiet call.mkv --edit track:v1 --delete default-duration
mkvextract --quiet call.mkv tracks 0:call.ivf
times() { ffprobe -v error -show_entries packet=pts_time -of csv=p=0 "$1" | sort -u | wc -l; }
echo "time base: $(od -An -tu4 -j16 -N8 call.ivf | xargs), different times before: $(times call.mkv), after: $(times call.ivf)," \
  "pictures: $(ffprobe -v error -show_entries packet=pts_time -of csv=p=0 call.ivf | wc -l)" | seen 'time base: 25 1, different times before: 60, after: 25, pictures: 60'
