#pragma once

#include <optional>
#include <string_view>

#include "rtpx/track.hpp"

namespace rtpx {

/// The value of a format parameter, "1" of stereo in "111 minptime=10;stereo=1". Names compare without case,
/// as the payload formats' registrations ask. nullopt: absent. The view points into `codec`.
[[nodiscard]] std::optional<std::string_view> fmtp_parameter(const Codec& codec,
                                                             std::string_view name) noexcept;

}  // namespace rtpx
