#pragma once

#include <cstdint>
#include <optional>

#include "rtpx/track.hpp"

namespace rtpx {

/// The codec of a static payload type (RFC 3551 section 6), or nullopt.
[[nodiscard]] std::optional<Codec> static_codec(std::uint8_t payload_type);

}  // namespace rtpx
