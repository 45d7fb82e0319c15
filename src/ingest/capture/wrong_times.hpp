#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace rtpx::capture {

/// Finds the packets of a capture whose time is far ahead of all around them, in the order of the capture.
class WrongTimes {
 public:
  void look(std::optional<std::chrono::nanoseconds> time) {
    const std::uint64_t index = seen_++;
    if (!time) return;
    if (last_) went_back_ = std::max(went_back_, *last_ - *time);
    if (ahead_.empty()) {
      if (last_ && *time > *last_ + kFar)
        ahead_ = {index}, ahead_from_ = *time;
      else
        last_ = time;
      return;
    }
    if (*time < ahead_from_ - kFar) {  // time goes on where it was
      if (*time > *last_ - kFar && wrong_.size() < kMost) wrong_.insert(ahead_.begin(), ahead_.end());
    } else if (ahead_.size() < kInARow) {
      ahead_.push_back(index);
      return;
    }
    ahead_.clear();  // else it was a silence
    last_ = time;
  }
  [[nodiscard]] bool contains(std::uint64_t index) const { return wrong_.contains(index); }
  [[nodiscard]] std::size_t size() const { return wrong_.size(); }
  /// By how much time goes back at most, from a packet to the next.
  [[nodiscard]] std::chrono::nanoseconds went_back() const { return went_back_; }

 private:
  static constexpr std::chrono::seconds kFar{30};
  static constexpr std::size_t kInARow = 3, kMost = 4096;
  std::uint64_t seen_ = 0;
  std::optional<std::chrono::nanoseconds> last_;
  std::vector<std::uint64_t> ahead_;
  std::chrono::nanoseconds ahead_from_{0}, went_back_{0};
  std::set<std::uint64_t> wrong_;
};

}  // namespace rtpx::capture
