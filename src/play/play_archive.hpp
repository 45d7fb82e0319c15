#pragma once

#include "base/archive.hpp"
#include "frames/frame_archive.hpp"
#include "play/segment_list.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

// What Presentation keeps in a packet index, for base/archive.hpp. As in packets/scan_archive.hpp.

template <class Archive>
void archive(Archive& with, OutputTrack& value) {
  auto& [kind, mime_type, config, rotation, mirrored, config_changes, name, codec_delay_ns] = value;
  with(kind, mime_type, config, rotation, mirrored, config_changes, name, codec_delay_ns);
}

template <class Archive>
void archive(Archive& with, PlayedSegment& value) {
  auto& [start_ns, end_ns, from_ns, bytes, frames, init, discontinuities, kind] = value;
  with(start_ns, end_ns, from_ns, bytes, frames, init, discontinuities, kind);
}

template <class Archive>
void archive(Archive& with, SegmentParts& value) {
  auto& [from_ns, frames] = value;
  with(from_ns, frames);
}

template <class Archive>
void archive(Archive& with, SegmentList& value) {
  auto& [inits, segments, changes, parts, frames, cut_off] = value;
  with(inits, segments, changes, parts, frames, cut_off);
}

template <class Archive>
void archive(Archive& with, ConvertNote& value) {
  auto& [severity, track_id, message] = value;
  with(severity, track_id, message);
}

}  // namespace rtpx
