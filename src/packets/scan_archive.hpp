#pragma once

#include <memory>
#include <vector>

#include "base/archive.hpp"
#include "packets/scanned_recording.hpp"

namespace rtpx {

// What a scan found, for base/archive.hpp. Structured bindings name all fields of a type, so that a new one does not
// compile until it is here.

template <class Archive>
void archive(Archive& with, Codec& value) {
  auto& [payload_type, mime_type, clock_rate, channels, fmtp, feedback] = value;
  with(payload_type, mime_type, clock_rate, channels, fmtp, feedback);
}

template <class Archive>
void archive(Archive& with, CodecChoice& value) {
  auto& [codecs, recognised, doubt] = value;
  with(codecs, recognised, doubt);
}

template <class Archive>
void archive(Archive& with, DamagedRange& value) {
  auto& [offset, length, tail] = value;
  with(offset, length, tail);
}

template <class Archive>
void archive(Archive& with, PictureSize& value) {
  auto& [width, height] = value;
  with(width, height);
}

template <class Archive>
void archive(Archive& with, Patch& value) {
  auto& [sequence, timestamp, where] = value;
  with(sequence, timestamp, where);
}

template <class Archive>
void archive(Archive& with, Segment::End& value) {
  auto& [receive_ms, line_receive_ms, line_timestamp] = value;
  with(receive_ms, line_receive_ms, line_timestamp);
}

// What only the scan itself goes by is left out: the clock has been placed, reports and packets given back are used up.
template <class Archive>
void archive(Archive& with, Segment& value) {
  if constexpr (Archive::kReads) value.line.retire();
  auto& [ssrc, clock_rate, why, first_record, line, clock, patches, packets, first_receive_ms, after_pause, cname,
         given_early, filled, ended, reports, next_report] = value;
  with(ssrc, clock_rate, why, first_record, line, patches, packets, first_receive_ms, after_pause, cname, ended);
}

template <class Archive>
void archive(Archive& with, UnknownType& value) {
  auto& [packets, first_receive_ms, last_receive_ms, longest_run] = value;
  with(packets, first_receive_ms, last_receive_ms, longest_run);
}

template <class Archive>
void archive(Archive& with, QuietSpan& value) {
  auto& [kind, segment, from_timestamp, to_timestamp] = value;
  with(kind, segment, from_timestamp, to_timestamp);
}

template <class Archive>
void archive(Archive& with, DigitSpan::Place& value) {
  auto& [segment, timestamp] = value;
  with(segment, timestamp);
}

template <class Archive>
void archive(Archive& with, KeyPress& value) {
  auto& [timestamp, duration, event, ended, receive_ms] = value;
  with(timestamp, duration, event, ended, receive_ms);
}

template <class Archive>
void archive(Archive& with, DigitSpan& value) {
  auto& [place, receive_ms, clock_rate, press] = value;
  with(place, receive_ms, clock_rate, press);
}

template <class Archive>
void archive(Archive& with, EncryptedSpan& value) {
  auto& [segment, from_timestamp, to_timestamp, frames, key_indexes, format] = value;
  with(segment, from_timestamp, to_timestamp, frames, key_indexes, format);
}

template <class Archive>
void archive(Archive& with, LayerScan& value) {
  auto& [rid_index, line, segments, keyframe_bound, largest, parameter_sets_change, markers_within_pictures, packets,
         bytes, repair_packets, unknown_packets, malformed_packets, duplicates, reordered, parallel_packets, by_source,
         first_media_type, unknown_types, media_types, first_receive_ms, last_receive_ms, quiet, digits, encrypted,
         bits_per_second, lost_per_second, repairs_alone] = value;
  with(rid_index, line, segments, keyframe_bound, largest, parameter_sets_change, markers_within_pictures, packets,
       bytes, repair_packets, unknown_packets, malformed_packets, duplicates, reordered, parallel_packets, by_source,
       first_media_type, unknown_types, media_types, first_receive_ms, last_receive_ms, quiet, digits, encrypted,
       bits_per_second, lost_per_second, repairs_alone);
}

// Its files are those that were found now, and its types follow from its codecs.
template <class Archive>
void archive(Archive& with, TrackScan& value) {
  auto& [files, codecs, types, routes, rtx_media, made_times, found_codecs, layers, rid_names, refused, read_error, rtcp_error, damaged_bytes,
         torn_bytes, damage, records, not_rtp, unknown_rid_packets, file_bytes, lineage] = value;
  with(codecs, routes, rtx_media, made_times, found_codecs, layers, rid_names, refused, read_error, rtcp_error, damaged_bytes, torn_bytes,
       damage, records, not_rtp, unknown_rid_packets, file_bytes);
  if constexpr (Archive::kReads)
    if (refused.empty()) types = std::make_unique<PayloadTypes>(codecs.codecs);
}

template <class Archive>
void archive(Archive& with, SegmentMap::Piece& value) {
  auto& [rtp_time, time_ns, ns_per_tick] = value;
  with(rtp_time, time_ns, ns_per_tick);
}

template <class Archive>
void archive(Archive& with, SegmentMap::Step& value) {
  auto& [rtp_time, duration_ns, source, slides] = value;
  with(rtp_time, duration_ns, source, slides);
}

template <class Archive>
void archive(Archive& with, SegmentMap& value) {
  auto& [pieces, source, residual_ms, drift_ppm, steps, clock_rate] = value;
  with(pieces, source, residual_ms, drift_ppm, steps, clock_rate);
}

template <class Archive>
void archive(Archive& with, Pause& value) {
  auto& [from_ms, to_ms] = value;
  with(from_ms, to_ms);
}

}  // namespace rtpx
