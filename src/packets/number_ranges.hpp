#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rtpx {

/// A set of numbers that mostly grows at its end, as ranges.
class NumberRanges {
 public:
  struct Range {
    std::int64_t first = 0, last = 0;
    template <class Archive>
    void archive(Archive& with) {
      with(first, last);
    }
  };
  void add(std::int64_t number);
  /// False when it was not there.
  bool remove(std::int64_t number);
  [[nodiscard]] bool contains(std::int64_t number) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
  [[nodiscard]] std::int64_t last() const noexcept { return ranges_.back().last; }  ///< of a set with numbers
  [[nodiscard]] std::span<const Range> ranges() const noexcept { return ranges_; }
  /// The ranges that reach beyond `number`.
  [[nodiscard]] std::span<const Range> beyond(std::int64_t number) const noexcept;

  /// base/archive.hpp
  template <class Archive>
  void archive(Archive& with) {
    with(ranges_);
  }

 private:
  std::vector<Range> ranges_;  // in order, never adjoining
};

}  // namespace rtpx
