#pragma once

#include "base/archive.hpp"
#include "codec/depacketizer.hpp"
#include "codec/orientation.hpp"

namespace rtpx {

// What frames are described by, for base/archive.hpp. As in packets/scan_archive.hpp.

template <class Archive>
void archive(Archive& with, StreamConfig& value) {
  auto& [width, height, codec_private, sample_rate, channels, bits_per_sample] = value;
  with(width, height, codec_private, sample_rate, channels, bits_per_sample);
}

template <class Archive>
void archive(Archive& with, Orientation& value) {
  auto& [clockwise_degrees, mirrored] = value;
  with(clockwise_degrees, mirrored);
}

}  // namespace rtpx
