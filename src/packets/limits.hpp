#pragma once

#include <cstddef>
#include <cstdint>

namespace rtpx {

inline constexpr int kPacketsPerLook = 4096;       ///< between looks at the stop token
inline constexpr std::size_t kMaxListed = 10'000;  ///< entries of a kind that a report lists
inline constexpr std::int64_t kMostFilledNs = 6LL * 3600 * 1'000'000'000;  ///< a longer gap stays one

}  // namespace rtpx
