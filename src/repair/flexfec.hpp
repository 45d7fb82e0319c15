#pragma once

#include <optional>

#include "repair/parity.hpp"

namespace rtpx {

/// Reads a FlexFEC payload as of RFC 8627 section 4.2.2; the packets it covers are of the SSRCs in the CSRC
/// list. Masks and fixed rows and columns (F bit). nullopt: malformed, or a retransmission (R bit), which
/// holds one packet as it is and is read by flexfec_retransmission().
[[nodiscard]] std::optional<Parity> parse_flexfec(const RtpPacket& packet);
[[nodiscard]] std::optional<RtpPacket> flexfec_retransmission(const RtpPacket& packet) noexcept;

/// Reads a FlexFEC payload as of draft-ietf-payload-flexible-fec-scheme-03, which is what Chromium sends
/// ("flexfec-03"). nullopt: malformed, or of the kinds that it never sends (R and F bits).
[[nodiscard]] std::optional<Parity> parse_flexfec_03(Bytes payload);

}  // namespace rtpx
