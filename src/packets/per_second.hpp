#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace rtpx {

/// A sum for each second of a recording, of its first week.
class PerSecond {
 public:
  void add(std::int64_t ms, std::uint32_t amount) {
    const auto second = static_cast<std::size_t>(std::max<std::int64_t>(0, ms) / 1000);
    if (second >= kMaxSeconds) return;
    if (sums_.size() <= second) sums_.resize(second + 1);
    sums_[second] += amount;
  }
  /// Takes one back of the last second that has any.
  void take_back_one() {
    const auto last = std::find_if(sums_.rbegin(), sums_.rend(), [](std::uint32_t n) { return n > 0; });
    if (last != sums_.rend()) --*last;
  }
  [[nodiscard]] const std::vector<std::uint32_t>& sums() const noexcept { return sums_; }

  /// base/archive.hpp
  template <class Archive>
  void archive(Archive& with) {
    with(sums_);
  }

 private:
  static constexpr std::size_t kMaxSeconds = 7 * 24 * 3600;
  std::vector<std::uint32_t> sums_;
};

}  // namespace rtpx
