#pragma once

#include <algorithm>
#include <cstdint>

namespace rtpx {

/// The last picture may be the first one after a pause of minutes, which says nothing of how long it lasts.
inline constexpr std::int64_t kLongestLastPictureNs = 1'000'000'000;

/// When a track ends whose samples come in decode order and may say no duration: the last one then lasts as
/// long as the one that is shown before it, but kLongestLastPictureNs at most. Nanoseconds.
class PresentationEnd {
 public:
  /// `duration_ns` 0: unknown.
  void add(std::int64_t time_ns, std::int64_t duration_ns) {
    if (duration_ns > 0) {
      known_end_ns_ = std::max(known_end_ns_, time_ns + duration_ns);
    } else if (time_ns > latest_ns_) {
      if (latest_ns_ >= 0) step_ns_ = time_ns - latest_ns_;
      latest_ns_ = time_ns;
    } else if (time_ns < latest_ns_) {
      step_ns_ = std::min(step_ns_, latest_ns_ - time_ns);
    }
  }
  /// Between the two samples that are shown last.
  [[nodiscard]] std::int64_t step_ns() const { return step_ns_; }
  [[nodiscard]] std::int64_t end_ns() const {
    return std::max(known_end_ns_, latest_ns_ + std::min(step_ns_, kLongestLastPictureNs));
  }

 private:
  std::int64_t known_end_ns_ = 0, latest_ns_ = -1, step_ns_ = 0;
};

}  // namespace rtpx
