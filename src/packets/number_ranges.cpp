#include "packets/number_ranges.hpp"

#include <algorithm>

namespace rtpx {

std::span<const NumberRanges::Range> NumberRanges::beyond(std::int64_t number) const noexcept {
  const auto at = std::ranges::upper_bound(ranges_, number, {}, &Range::last);
  return {at, ranges_.end()};
}

bool NumberRanges::contains(std::int64_t number) const noexcept {
  const auto at = beyond(number - 1);
  return !at.empty() && at.front().first <= number;
}

void NumberRanges::add(std::int64_t number) {
  if (contains(number)) return;
  const auto after = std::ranges::upper_bound(ranges_, number, {}, &Range::first);
  const bool joins_before = after != ranges_.begin() && (after - 1)->last + 1 == number;
  const bool joins_after = after != ranges_.end() && after->first == number + 1;
  if (joins_before && joins_after) {
    (after - 1)->last = after->last;
    ranges_.erase(after);
  } else if (joins_before) {
    ++(after - 1)->last;
  } else if (joins_after) {
    --after->first;
  } else {
    ranges_.insert(after, {number, number});
  }
}

bool NumberRanges::remove(std::int64_t number) {
  if (!contains(number)) return false;
  const auto at = std::ranges::lower_bound(ranges_, number, {}, &Range::last);
  const Range rest{number + 1, at->last};
  at->last = number - 1;
  if (rest.first <= rest.last) {
    if (at->first > at->last)
      *at = rest;
    else
      ranges_.insert(at + 1, rest);
  } else if (at->first > at->last) {
    ranges_.erase(at);
  }
  return true;
}

}  // namespace rtpx
