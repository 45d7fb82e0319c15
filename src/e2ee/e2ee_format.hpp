#pragma once

#include <cstdint>

namespace rtpx {

/// How frames are encrypted end to end (docs/e2ee.md).
enum class E2eeFormat : std::uint8_t {
  livekit,  ///< Element Call's too
  jitsi,    ///< JFrame
  medooze,  ///< SFrame as its early drafts had it, npm sframe
  sframe,   ///< RFC 9605
};

/// As in keys files and reports: "livekit", "jitsi", "medooze", "sframe".
[[nodiscard]] constexpr const char* to_string(E2eeFormat format) noexcept {
  switch (format) {
    case E2eeFormat::livekit:
      return "livekit";
    case E2eeFormat::jitsi:
      return "jitsi";
    case E2eeFormat::medooze:
      return "medooze";
    case E2eeFormat::sframe:
      return "sframe";
  }
  return "livekit";
}

}  // namespace rtpx
