#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace rtpx::test {

/// A copy of a file with flipped bits, zeroed, removed, duplicated ranges, or cut.
struct Damaged {
  std::string bytes;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> hit;  ///< ranges [from, to) of the healthy file
  bool shifted = false;  ///< something was removed or duplicated: later bytes lie elsewhere

  [[nodiscard]] bool touches(std::uint64_t from, std::uint64_t to) const {
    return std::ranges::any_of(hit,
                               [&](const auto& range) { return range.first < to && range.second > from; });
  }
};

/// One to four strokes, from the back, so that their offsets are the healthy file's.
[[nodiscard]] inline Damaged damage(const std::string& healthy, std::mt19937& random) {
  Damaged out{healthy, {}, false};
  std::uint64_t limit = healthy.size();
  for (int strokes = 1 + static_cast<int>(random() % 4); strokes > 0 && limit > 100; --strokes) {
    const std::uint64_t from = limit - 1 - random() % (limit / 2);
    const std::uint64_t length = std::min<std::uint64_t>(1 + random() % 3000, limit - from);
    switch (random() % 5) {
      case 0:
        out.bytes[from] = static_cast<char>(out.bytes[from] ^ static_cast<char>(1U << random() % 8));
        out.hit.emplace_back(from, from + 1);
        break;
      case 1:
        std::fill_n(out.bytes.begin() + static_cast<long>(from), length, '\0');
        out.hit.emplace_back(from, from + length);
        break;
      case 2:
        out.bytes.erase(from, length);
        out.hit.emplace_back(from, from + length);
        out.shifted = true;
        break;
      case 3:
        out.bytes.insert(from, healthy.substr(from, length));
        out.hit.emplace_back(from, from + 1);
        out.shifted = true;
        break;
      default:
        out.bytes.resize(from);
        out.hit.assign(1, {from, healthy.size()});
        break;
    }
    limit = from;
  }
  return out;
}

/// How many seeds random tests run: RTPX_SEEDS, or 100.
[[nodiscard]] inline unsigned seeds() {
  const char* wanted = std::getenv("RTPX_SEEDS");
  return wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) : 100;
}

}  // namespace rtpx::test
