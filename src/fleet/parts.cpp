#include "fleet/parts.hpp"

#include <algorithm>

namespace rtpx::fleet {
namespace {

constexpr std::int64_t kBetweenPartsMs = 60'000;

}  // namespace

std::vector<RecordingName> parts_beside(const Job& one, const std::vector<Job>& others) {
  std::vector<RecordingName> out;
  if (one.key.empty()) return out;
  std::vector<const Job*> parts{&one};
  for (const Job& other : others)
    if (other.key == one.key && name_of(other) != name_of(one)) parts.push_back(&other);
  std::ranges::sort(parts, {}, [](const Job* part) { return std::pair(part->from_ms, name_of(*part)); });
  std::int64_t until_ms = 0;
  bool has_one = false;
  for (const Job* part : parts) {
    if (part != parts.front() && part->from_ms - until_ms > kBetweenPartsMs) {
      if (has_one) break;
      out.clear();
    }
    until_ms = std::max(until_ms, part->until_ms);
    if (part == &one)
      has_one = true;
    else
      out.push_back(name_of(*part));
  }
  return out;
}

}  // namespace rtpx::fleet
