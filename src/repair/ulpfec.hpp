#pragma once

#include <vector>

#include "repair/parity.hpp"

namespace rtpx {

/// Reads a ULPFEC payload (RFC 5109 section 7) that covers packets of `media_ssrc`: one Parity for each
/// level. Empty when it is malformed.
[[nodiscard]] std::vector<Parity> parse_ulpfec(Bytes payload, std::uint32_t media_ssrc);

}  // namespace rtpx
