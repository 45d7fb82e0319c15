#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "generated_call.hpp"

namespace rtpx::bench {

/// Where a packet stands in a call.
struct PicturePart {
  std::uint16_t picture = 0;
  bool keyframe = false, first = false, last = false;
};

/// Writes the payload header of the codec over the first bytes of `payload`, which is large enough, and on a
/// first packet the start of the picture.
void write_picture_head(Picture codec, std::byte* payload, const PicturePart& part);

/// What a sender puts into a packet of its own before each keyframe: parameter sets; empty: nothing.
[[nodiscard]] std::vector<std::byte> parameter_packet(Picture codec);

}  // namespace rtpx::bench
