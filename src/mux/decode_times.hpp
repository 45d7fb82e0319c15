#pragma once

#include <cstdint>
#include <vector>

namespace rtpx {

/// Decode times for the pictures of fragments, whose presentation times come in decode order, as RTP has
/// them. With a reorder depth of n (B-pictures), the decode times are the sorted presentation times, n
/// pictures late; those of the first n stand a tick apart from the first presentation time on, so that none
/// lies before it. Strictly increasing, never after the presentation time unless a picture comes out of an
/// order that the depth allows. (Offsets below zero would do without the depth, but FFmpeg shows such files
/// later by the largest.)
class DecodeTimes {
 public:
  DecodeTimes() = default;
  explicit DecodeTimes(unsigned reorder_depth) : depth_(reorder_depth) {}
  [[nodiscard]] std::int64_t next(std::int64_t presentation);

 private:
  unsigned depth_ = 0;                 // pictures
  std::vector<std::int64_t> waiting_;  // a heap, the earliest on top; at most depth_ + 1
  unsigned given_ = 0;
  std::int64_t first_ = 0, last_ = INT64_MIN;
};

}  // namespace rtpx
