#pragma once

#include <cstddef>
#include <cstdint>

namespace rtpx {

inline constexpr std::size_t kLiveSegments = 4;  ///< older ones take no more late packets
inline constexpr std::size_t kMaxSegments = 10'000;
inline constexpr int kCandidateLife = 100;  ///< packets of the line until what fits no line is stray
inline constexpr std::size_t kMostCandidates = 256;
inline constexpr int kHeldLife = 10;  ///< packets of the line until what is far behind is late
inline constexpr std::int64_t kFarBehindMs =
    1'000;  ///< what is behind the line by more waits for what comes next
inline constexpr std::int64_t kCopyBehindMs = 200;  ///< the same for copies of sound
inline constexpr std::int64_t kSetBackMs = 10;  ///< from one packet to the next: a clock that does by more begins anew
inline constexpr std::int64_t kTailNumbers = 100;  ///< a loss of more is looked at twice
inline constexpr std::int64_t kSilentMs =
    1'000;  ///< a source that has not been heard for so long has stopped

}  // namespace rtpx
