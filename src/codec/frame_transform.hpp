#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

/// What is done to whole frames between their packets and their parser: end-to-end encryption is taken off.
class FrameTransform {
 public:
  enum class Outcome : std::uint8_t {
    unchanged,
    changed,  ///< `frame` holds another one
    refused,  ///< nobody can read it: it is left out
  };
  virtual ~FrameTransform() = default;
  /// `frame`: as the sender's transform made it: a frame of VP8, a layer frame of VP9, an access unit of
  /// H.264 or H.265 as Annex B with start codes of 4 bytes. `timestamp`: unwrapped RTP time.
  [[nodiscard]] virtual Outcome transform(std::int64_t timestamp, std::vector<std::byte>& frame) = 0;
};

}  // namespace rtpx
