#pragma once

#include <algorithm>
#include <cstdint>

namespace rtpx::film {

/// How many pictures a film that follows a call can afford: where it falls behind, half of them; once it has caught up
/// again, twice as many.
class FrameRateRule {
 public:
  /// Only every so many-th picture is made.
  [[nodiscard]] int every() const noexcept { return every_; }
  /// To be told now and then how much of the call waits to be made. True: every() has changed.
  bool behind(std::int64_t waiting_ns) noexcept {
    const int before = every_;
    // While it catches up by itself, with what was there when it began, nothing needs to be dropped.
    if (waiting_ns > kSlowNs && waiting_ns + kNoiseNs > last_ns_)
      every_ = std::min(every_ * 2, kMostEvery);
    else if (waiting_ns < kGoodNs)
      every_ = std::max(every_ / 2, 1);
    last_ns_ = waiting_ns;
    return every_ != before;
  }

 private:
  static constexpr std::int64_t kSlowNs = 6'000'000'000, kGoodNs = 3'000'000'000, kNoiseNs = 200'000'000;
  static constexpr int kMostEvery = 32;
  int every_ = 1;
  std::int64_t last_ns_ = INT64_MAX / 2;
};

}  // namespace rtpx::film
