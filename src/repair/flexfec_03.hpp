#pragma once

#include <optional>

#include "repair/parity.hpp"

namespace rtpx {

/// Reads a FlexFEC payload as of draft-ietf-payload-flexible-fec-scheme-03, which is what Chromium sends
/// ("flexfec-03"). nullopt: malformed, or of the kinds that it never sends (R and F bits).
[[nodiscard]] std::optional<Parity> parse_flexfec_03(Bytes payload);

}  // namespace rtpx
