#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rtpx {

/// The numbers missing from a run of packets, as ranges: memory grows with losses, never with packets. Gaps
/// open at the end and are mostly filled near it.
class GapTable {
 public:
  struct Gap {
    std::int64_t first = 0;
    std::uint32_t count = 0;           ///< 0: filled
    std::int64_t timestamp_after = 0;  ///< unwrapped RTP time of the packet that showed the gap
    template <class Archive>
    void archive(Archive& with) {
      with(first, count, timestamp_after);
    }
  };

  /// `first` must be beyond every gap opened before.
  void open(std::int64_t first, std::uint32_t count, std::int64_t timestamp_after);
  /// As open(), for a gap before all others.
  void open_front(std::int64_t first, std::uint32_t count, std::int64_t timestamp_after);
  [[nodiscard]] bool missing(std::int64_t sequence) const noexcept;
  /// timestamp_after of the gap that `sequence`, which is missing, lies in.
  [[nodiscard]] std::int64_t time_after(std::int64_t sequence) const noexcept {
    return find(sequence)->timestamp_after;
  }
  /// Marks `sequence` as present; false when it was not missing.
  bool take(std::int64_t sequence);

  [[nodiscard]] std::uint64_t missing_count() const noexcept { return missing_; }
  [[nodiscard]] std::span<const Gap> gaps() const noexcept { return gaps_; }

  /// base/archive.hpp
  template <class Archive>
  void archive(Archive& with) {
    with(gaps_, missing_);
  }

 private:
  [[nodiscard]] std::vector<Gap>::const_iterator find(std::int64_t sequence) const noexcept;

  std::vector<Gap> gaps_;  // by first
  std::uint64_t missing_ = 0;
};

}  // namespace rtpx
