#include "mux/decode_times.hpp"

#include <algorithm>
#include <functional>

namespace rtpx {

std::int64_t DecodeTimes::next(std::int64_t presentation) {
  std::int64_t time = presentation;
  if (depth_ > 0) {
    waiting_.push_back(presentation);
    std::ranges::push_heap(waiting_, std::greater{});
    if (given_ == 0) first_ = presentation;
    if (given_ < depth_) {
      time = first_ + given_++;
    } else {
      std::ranges::pop_heap(waiting_, std::greater{});
      time = waiting_.back();
      waiting_.pop_back();
    }
  }
  if (last_ != INT64_MIN) time = std::max(time, last_ + 1);
  return last_ = time;
}

}  // namespace rtpx
