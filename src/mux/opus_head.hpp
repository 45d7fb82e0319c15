#pragma once

#include <cstdint>
#include <vector>

#include "mux/muxer.hpp"

namespace rtpx {

/// What a container says of an Opus stream (RFC 7845 section 5.1).
struct OpusHead {
  std::vector<std::byte> bytes;
  std::uint16_t pre_skip = 0;  ///< samples of 48 kHz
  [[nodiscard]] std::int64_t delay_ns() const noexcept { return pre_skip * 1'000'000'000LL / 48'000; }
};

/// The track's own OpusHead, or one made from its channels; the pre-skip is codec_delay_ns where that is
/// given. Errors: malformed.
[[nodiscard]] Result<OpusHead> opus_head(const OutputTrack& track);

}  // namespace rtpx
