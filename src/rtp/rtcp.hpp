#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

/// The sender's half of an SR (RFC 3550 section 6.4.1).
struct SenderReport {
  std::uint32_t ssrc = 0;
  std::uint64_t ntp = 0;  ///< 32.32 fixed point, seconds since 1900
  std::uint32_t rtp_timestamp = 0;
  std::uint32_t packet_count = 0;
  std::uint32_t octet_count = 0;
};

/// SDES CNAME of a source (RFC 3550 section 6.5.1).
struct SourceName {
  std::uint32_t ssrc = 0;
  std::string cname;
};

/// What a recording needs of a compound packet.
struct RtcpSummary {
  std::vector<SenderReport> sender_reports;
  std::vector<SourceName> names;
  std::vector<std::uint32_t> byes;  ///< SSRCs that said BYE (section 6.6)
  bool well_formed = true;          ///< false when a packet ends early or has another version
};

/// Parses a compound packet (or a reduced-size one, RFC 5506). Total: what comes before damage is kept.
[[nodiscard]] RtcpSummary parse_rtcp(Bytes compound);

/// Nanoseconds since 1900 of a 32.32 NTP time.
[[nodiscard]] std::int64_t ntp_to_ns(std::uint64_t ntp) noexcept;

}  // namespace rtpx
