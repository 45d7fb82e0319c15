#pragma once

#include <array>

#include "base/bytes.hpp"

namespace rtpx {

/// SHA-256 (FIPS 180-4) of a short text: for file names, not for bulk data.
[[nodiscard]] std::array<std::byte, 32> sha256(Bytes bytes);

}  // namespace rtpx
