#pragma once

#include <optional>

#include "base/bytes.hpp"

namespace rtpx {

/// What LiveKit's and Jitsi's encryption puts behind a frame: `IV (12) | 12 | key index`.
struct FrameTrailer {
  static constexpr std::size_t kIv = 12, kSize = kIv + 2;
  /// Of the sender's frame: an SFU may have given the packets other ones.
  std::uint32_t ssrc = 0, timestamp = 0;
  std::uint32_t third_word = 0;  ///< a counter (Jitsi), or the RTP time less a counter (LiveKit)
  std::uint8_t key_index = 0;
};

/// Of the last kSize bytes. nullopt: they are none.
[[nodiscard]] std::optional<FrameTrailer> parse_frame_trailer(Bytes frame) noexcept;

/// The same under emulation prevention (H.264 section 7.4.1), of which at most half as many bytes again are
/// read.
[[nodiscard]] std::optional<FrameTrailer> parse_escaped_frame_trailer(Bytes frame) noexcept;

/// The frame without LiveKit's metadata ("LKTS"), which stands behind everything else and in clear: elements
/// of type, length and value, their whole length, all XOR 0xFF, and the name.
[[nodiscard]] Bytes without_frame_metadata(Bytes frame) noexcept;

}  // namespace rtpx
