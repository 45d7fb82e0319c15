#pragma once

#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

/// A temporal unit of AV1 without the temporal delimiter OBU at its front (AV1 in Matroska and ISOBMFF: they
/// are left out).
[[nodiscard]] Bytes without_temporal_delimiter(Bytes temporal_unit) noexcept;

/// Samples of 16 bits with their bytes swapped; a last odd byte is left out. `into` owns what is returned.
[[nodiscard]] Bytes swap_16(Bytes samples, std::vector<std::byte>& into);

}  // namespace rtpx
