#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "packets/recording.hpp"

namespace rtpx {

/// A sender report as it arrived.
struct ReportArrival {
  std::int64_t receive_ms = 0;
  std::int64_t ntp_ns = 0;  ///< since 1900
  std::uint32_t rtp_timestamp = 0;
};

/// What all RTCP of a recording says of its sources. A source's reports may have been stored beside another
/// track of the same transport.
class RtcpLog {
 public:
  /// Unreadable files are passed over: RTCP is a help, not a need.
  explicit RtcpLog(const Recording& recording);

  /// By arrival, repeated ones left out.
  [[nodiscard]] std::span<const ReportArrival> reports(std::uint32_t ssrc) const;
  [[nodiscard]] std::string cname(std::uint32_t ssrc) const;

 private:
  void read(const std::vector<std::filesystem::path>& files);

  std::map<std::uint32_t, std::vector<ReportArrival>> reports_;
  std::map<std::uint32_t, std::string> names_;
};

}  // namespace rtpx
