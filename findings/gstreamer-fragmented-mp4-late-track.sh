#!/bin/bash
# mp4mux of GStreamer 1.22 (Debian's gstreamer1.0-tools, -plugins-base and -plugins-good; needs ffprobe). Sound from 0 s, picture from 0.5 s, as
# when a camera comes later. ISO/IEC 14496-12, 8.8.12: tfdt is the decode time on the media's timeline. Expected: the first picture at 0.5 s,
# fragmented or not. Seen: fragmented, all pictures are half a second early (tfdt is 0, and there is no edit list); no warning.
source "$(dirname "$(realpath "$0")")/begin.inc"
gst-inspect-1.0 isomp4 | grep -i '  version' | xargs echo isomp4
ffprobe -version | head -1 | cut -d' ' -f1-3
for layout in 0 500; do
  timeout 60 gst-launch-1.0 -q mp4mux fragment-duration=$layout name=muxer ! filesink location=$layout.mp4 \
    videotestsrc num-buffers=20 timestamp-offset=500000000 ! video/x-raw,format=I420,width=160,height=120,framerate=10/1 ! \
    vp9enc deadline=1 cpu-used=8 ! vp9parse ! queue ! muxer. \
    audiotestsrc num-buffers=100 samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=1 ! opusenc ! queue ! muxer. >gst.log 2>&1
done
for layout in 0 500; do
  echo "fragments of $layout ms: $(ffprobe -v error -select_streams v -show_entries packet=pts_time -of csv=p=0 $layout.mp4 | head -3 | xargs)," \
    "edit lists: $(grep -ao elst $layout.mp4 | wc -l)"
done | seen 'fragments of 0 ms: 0.500000 0.600000 0.700000, edit lists: 2
fragments of 500 ms: 0.000000 0.100000 0.200000, edit lists: 0'
