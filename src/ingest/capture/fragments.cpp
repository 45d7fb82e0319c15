#include "ingest/capture/fragments.hpp"

#include <algorithm>

namespace rtpx::capture {

Bytes Fragments::add(const FragmentKey& key, std::uint32_t at, bool more, Bytes piece) {
  if (piece.empty() || at + piece.size() > kMaxBytes) {
    ++lost_;
    return {};
  }
  if (!partials_.contains(key) && partials_.size() == kMaxDatagrams) drop_oldest();
  const auto entry = partials_.try_emplace(key).first;
  Partial& partial = entry->second;
  if (partial.pieces.empty()) partial.age = next_age_++;
  const auto next = partial.pieces.lower_bound(at);
  const bool meets_next = next != partial.pieces.end() && next->first < at + piece.size();
  const bool meets_previous =
      next != partial.pieces.begin() && std::prev(next)->first + std::prev(next)->second.size() > at;
  if (meets_next || meets_previous)
    return {};  // a copy (the capture saw it twice), or an attack: the first one stays
  partial.pieces.emplace(at, std::vector(piece.begin(), piece.end()));
  partial.bytes += static_cast<std::uint32_t>(piece.size());
  if (!more) partial.total = at + static_cast<std::uint32_t>(piece.size());
  if (partial.total == 0 || partial.bytes != partial.total) return {};

  whole_.clear();
  for (const auto& [offset, bytes] : partial.pieces) {
    if (offset != whole_.size()) return {};  // pieces beyond the last fragment's end made up the count
    whole_.insert(whole_.end(), bytes.begin(), bytes.end());
  }
  partials_.erase(entry);
  return whole_;
}

std::uint64_t Fragments::pending() const noexcept {
  std::uint64_t count = 0;
  for (const auto& [key, partial] : partials_) count += partial.pieces.size();
  return count;
}

void Fragments::drop_oldest() {
  const auto oldest =
      std::ranges::min_element(partials_, {}, [](const auto& entry) { return entry.second.age; });
  lost_ += oldest->second.pieces.size();
  partials_.erase(oldest);
}

}  // namespace rtpx::capture
