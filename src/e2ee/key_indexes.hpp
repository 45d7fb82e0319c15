#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace rtpx {

/// Adds a key's index to a sorted list that has each once and at most 256.
inline void note_key_index(std::vector<std::uint64_t>& indexes, std::uint64_t index) {
  const auto at = std::ranges::lower_bound(indexes, index);
  if (indexes.size() < 256 && (at == indexes.end() || *at != index)) indexes.insert(at, index);
}

}  // namespace rtpx
