#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace rtpx::capture {

/// Finds the packets of a capture whose time is far from that of all around them, in the order of the capture: half a minute
/// ahead, or half a second behind, a few in a row at most.
class WrongTimes {
 public:
  void look(std::optional<std::chrono::nanoseconds> time) {
    const std::uint64_t index = seen_++;
    if (!time) return;
    if (last_) went_back_ = std::max(went_back_, *last_ - *time);
    if (apart_.empty()) {
      if (last_ && (*time > *last_ + kFar || *time < *last_ - kBehind))
        apart_ = {index}, apart_from_ = *time;
      else
        last_ = time;
      return;
    }
    const bool ahead = apart_from_ > *last_;
    if (ahead ? *time < apart_from_ - kFar : *time > *last_ - kBehind) {  // time goes on where it was
      if (*time > *last_ - kFar && *time < *last_ + kFar && wrong_.size() < kMost) wrong_.insert(apart_.begin(), apart_.end());
    } else if (apart_.size() < kInARow) {
      apart_.push_back(index);
      return;
    }
    apart_.clear();  // else it was a silence, or a clock that was set
    last_ = time;
  }
  [[nodiscard]] bool contains(std::uint64_t index) const { return wrong_.contains(index); }
  [[nodiscard]] std::size_t size() const { return wrong_.size(); }
  /// By how much time goes back at most, from a packet to the next.
  [[nodiscard]] std::chrono::nanoseconds went_back() const { return went_back_; }

 private:
  static constexpr std::chrono::seconds kFar{30};
  static constexpr std::chrono::milliseconds kBehind{500};
  static constexpr std::size_t kInARow = 3, kMost = 4096;
  std::uint64_t seen_ = 0;
  std::optional<std::chrono::nanoseconds> last_;
  std::vector<std::uint64_t> apart_;
  std::chrono::nanoseconds apart_from_{0}, went_back_{0};
  std::set<std::uint64_t> wrong_;
};

}  // namespace rtpx::capture
