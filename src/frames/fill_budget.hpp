#pragma once

#include <algorithm>
#include <cstdint>

namespace rtpx {

/// How much missing time of a track may be filled: as much as passed while it was recorded, by the clock of
/// the machine that recorded it. A sender's RTP clock may be damaged, or made to run days ahead so that its
/// silence fills a disk: such gaps stay gaps.
class FillBudget {
 public:
  /// `recorded_ns`: from the first packet's arrival to the last one's.
  explicit FillBudget(std::int64_t recorded_ns)
      : whole_ns_(std::max<std::int64_t>(recorded_ns, 0) + kSpareNs), left_ns_(whole_ns_) {}

  /// The track is read anew, or from elsewhere.
  void restart() noexcept {
    left_ns_ = whole_ns_;
    refused_ns_ = 0;
  }

  /// Whether so much may be filled; takes it then.
  [[nodiscard]] bool take(std::int64_t gap_ns) noexcept {
    if (gap_ns <= 0) return true;
    if (gap_ns > left_ns_) {
      refused_ns_ += std::min(gap_ns, INT64_MAX - refused_ns_);
      return false;
    }
    left_ns_ -= gap_ns;
    return true;
  }
  /// What was not filled for this reason.
  [[nodiscard]] std::int64_t refused_ns() const noexcept { return refused_ns_; }

 private:
  static constexpr std::int64_t kSpareNs = 60LL * 1'000'000'000;  // senders may run ahead for a while
  std::int64_t whole_ns_, left_ns_;
  std::int64_t refused_ns_ = 0;
};

}  // namespace rtpx
