#include "packets/gap_table.hpp"

#include <algorithm>

namespace rtpx {

void GapTable::open(std::int64_t first, std::uint32_t count, std::int64_t timestamp_after) {
  gaps_.push_back({first, count, timestamp_after});
  missing_ += count;
}

void GapTable::open_front(std::int64_t first, std::uint32_t count, std::int64_t timestamp_after) {
  gaps_.insert(gaps_.begin(), {first, count, timestamp_after});
  missing_ += count;
}

std::vector<GapTable::Gap>::const_iterator GapTable::find(std::int64_t sequence) const noexcept {
  auto after = std::upper_bound(gaps_.begin(), gaps_.end(), sequence,
                                [](std::int64_t s, const Gap& gap) { return s < gap.first; });
  if (after == gaps_.begin()) return gaps_.end();
  const auto gap = after - 1;
  return sequence < gap->first + gap->count ? gap : gaps_.end();
}

bool GapTable::missing(std::int64_t sequence) const noexcept {
  return find(sequence) != gaps_.end();
}

bool GapTable::take(std::int64_t sequence) {
  const auto found = find(sequence);
  if (found == gaps_.end()) return false;
  Gap& gap = gaps_[static_cast<std::size_t>(found - gaps_.begin())];
  const Gap rest{sequence + 1, static_cast<std::uint32_t>(gap.first + gap.count - sequence - 1),
                 gap.timestamp_after};
  --missing_;
  if (sequence == gap.first) {
    gap = rest;
    return true;
  }
  gap.count = static_cast<std::uint32_t>(sequence - gap.first);
  if (rest.count > 0) gaps_.insert(found + 1, rest);
  return true;
}

}  // namespace rtpx
