#include "near_miss.hpp"

#include <algorithm>
#include <vector>

namespace rtpx::cli {
namespace {

/// Damerau's distance, with adjacent letters swapped once.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const std::size_t changed = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({changed, d[i - 1][j] + 1, d[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::string near_miss(std::string_view word, std::span<const std::string> known) {
  constexpr std::size_t kLongest = 40, kFarthest = 2;
  if (word.size() > kLongest) return {};
  std::string best;
  std::size_t nearest = std::min(kFarthest, word.size() / 2) + 1;
  for (const std::string& one : known)
    if (const std::size_t far = distance(word, one); far < nearest) {
      nearest = far;
      best = one;
    }
  return best;
}

}  // namespace rtpx::cli
