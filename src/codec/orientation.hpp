#pragma once

namespace rtpx {

/// How a player must show a picture: mirrored left to right first, then turned clockwise (3GPP TS 26.114 section
/// 7.4.5).
struct Orientation {
  int clockwise_degrees = 0;  ///< 0, 90, 180, 270
  bool mirrored = false;
  [[nodiscard]] bool swaps_sides() const noexcept { return clockwise_degrees % 180 != 0; }
  bool operator==(const Orientation&) const = default;
};

}  // namespace rtpx
