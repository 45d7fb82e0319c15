#pragma once

#include <cstddef>

namespace rtpx {

inline constexpr int kPacketsPerLook = 4096;       ///< between looks at the stop token
inline constexpr std::size_t kMaxListed = 10'000;  ///< entries of a kind that a report lists

}  // namespace rtpx
