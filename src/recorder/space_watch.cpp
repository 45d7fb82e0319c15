#include "recorder/space_watch.hpp"

#include <algorithm>

namespace rtpx {

void SpaceWatch::set_capacity(std::uint64_t capacity) {
  if (capacity == 0) return;
  low_ = std::min(low_, capacity / 4);
  full_ = std::min(full_, capacity / 16);
}

std::optional<SpaceWatch::Level> SpaceWatch::update(std::uint64_t free_bytes, bool writes_fail) {
  const auto mark = [&](std::uint64_t bytes, Level at) { return level_ >= at ? bytes + bytes / 8 : bytes; };
  Level level = Level::ok;
  if (free_bytes < mark(low_, Level::low)) level = Level::low;
  if (writes_fail || free_bytes < mark(full_, Level::full)) level = Level::full;
  if (level == level_) return std::nullopt;
  level_ = level;
  return level;
}

}  // namespace rtpx
