#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "codec/hold_frame.hpp"

namespace rtpx {

/// VP8 has no frame that says "the same again": here is one whose macroblocks are all copied from a reference
/// buffer, without residue or loop filter, and which goes to no buffer itself (RFC 6386 section 9).
class Vp8HoldFrame final : public HoldFrame {
 public:
  void follow(Bytes frame) override;
  Bytes frame() override;

 private:
  enum Buffer : std::uint8_t { kLast, kGolden, kAltref, kBuffers };

  std::array<std::uint64_t, kBuffers> shows_{};  // number of the frame that each buffer holds
  std::uint64_t number_ = 0;                     // of the last frame
  std::uint8_t version_ = 0;
  bool segmented_ = false;      // its macroblocks' segments, which the next frame may go on with
  int columns_ = 0, rows_ = 0;  // of macroblocks; 0: no keyframe yet
  std::vector<std::byte> out_;
};

}  // namespace rtpx
