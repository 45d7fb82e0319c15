#pragma once

#include <cstdint>
#include <vector>

namespace rtpx {

/// Decode times for pictures whose presentation times come in decode order, as RTP has them. With a reorder
/// depth of n (B-pictures), the decode times are the sorted presentation times, n pictures late; the first n
/// go before the first presentation time, one tick each. Strictly increasing, never after the presentation
/// time unless a picture comes out of an order that the depth allows (then the caller has to move the
/// picture).
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
