#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace rtpx {

/// The noise level of a comfort noise packet (audio/CN, RFC 3389 section 3), in -dBov, 0..127; nullopt: no
/// such packet. Comfort noise is never a frame: it says that the sender is silent, and the gap that it leaves
/// is the truth.
[[nodiscard]] inline std::optional<std::uint8_t> comfort_noise_level(Bytes payload) noexcept {
  if (payload.empty() || static_cast<std::uint8_t>(payload[0]) > 127) return std::nullopt;
  return static_cast<std::uint8_t>(payload[0]);
}

}  // namespace rtpx
