#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace rtpx {

/// How long the last picture lasts: as long as the one before it, or the one before that where a pause lies
/// between. Of two pictures nothing says whether there was a pause: a second at most. Any unit of time.
[[nodiscard]] constexpr std::int64_t last_length(std::int64_t step, std::int64_t step_before,
                                                 std::int64_t second) {
  return std::min(step, step_before > 0 ? step_before : second);
}

/// When a track ends whose samples come in decode order and may say no duration. Nanoseconds.
class PresentationEnd {
 public:
  /// `duration_ns` 0: unknown.
  void add(std::int64_t time_ns, std::int64_t duration_ns) {
    if (duration_ns > 0) {
      known_end_ns_ = std::max(known_end_ns_, time_ns + duration_ns);
      return;
    }
    for (std::int64_t& latest : latest_ns_) {
      if (time_ns == latest) return;
      if (time_ns > latest) std::swap(time_ns, latest);
    }
  }
  /// Between the two samples that are shown last.
  [[nodiscard]] std::int64_t step_ns() const { return step(0); }
  /// How long the one lasts that is shown last, as far as the steps tell.
  [[nodiscard]] std::int64_t last_length_ns() const { return last_length(step(0), step(1), 1'000'000'000); }
  [[nodiscard]] std::int64_t end_ns() const {
    return std::max(known_end_ns_, latest_ns_[0] + last_length_ns());
  }

  /// base/archive.hpp
  template <class Archive>
  void archive(Archive& with) {
    with(known_end_ns_, latest_ns_);
  }

 private:
  [[nodiscard]] std::int64_t step(std::size_t at) const {
    return latest_ns_[at + 1] < 0 ? 0 : latest_ns_[at] - latest_ns_[at + 1];
  }

  std::int64_t known_end_ns_ = 0;
  std::array<std::int64_t, 3> latest_ns_{-1, -1, -1};  // the latest first
};

}  // namespace rtpx
