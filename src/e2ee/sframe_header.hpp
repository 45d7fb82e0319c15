#pragma once

#include <optional>

#include "base/bytes.hpp"

namespace rtpx {

/// The header in front of an SFrame.
struct SFrameHeader {
  std::uint64_t key_id = 0, counter = 0;
  std::size_t size = 0;
};

/// RFC 9605 section 4.3. nullopt: the frame ends in it, or a number is written longer than it must be.
[[nodiscard]] std::optional<SFrameHeader> parse_sframe_header(Bytes frame) noexcept;

/// That of the drafts, as Medooze has it: signed frames (its S bit) are not read, nor is a header without
/// counter.
[[nodiscard]] std::optional<SFrameHeader> parse_medooze_header(Bytes frame) noexcept;

}  // namespace rtpx
