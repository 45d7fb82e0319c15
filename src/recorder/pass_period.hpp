#pragma once

#include <algorithm>
#include <chrono>

namespace rtpx {

/// How far apart passes begin that keep a promise of `interval`: what comes right after one waits for the
/// whole next one, which has the rest of the interval.
[[nodiscard]] constexpr std::chrono::milliseconds pass_period(std::chrono::milliseconds interval) noexcept {
  return std::max(interval * 7 / 10, std::chrono::milliseconds(1));
}

}  // namespace rtpx
