#pragma once

#include <cstddef>
#include <vector>

#include "timeline/arrivals.hpp"

namespace rtpx::timeline {

/// A sender report: the sender's time of an RTP time.
struct ReportPoint {
  double x = 0;
  double offset = 0;      ///< NTP time since the origin, minus x
  std::size_t level = 0;  ///< of the arrivals with which it came
};

/// A report that is believed, and what lies between it and the one before.
struct ChainedReport {
  ReportPoint point;
  std::vector<std::size_t> steps;  ///< levels whose beginnings explain how the clock moved since
  bool unexplained = false;        ///< it moved, and arrivals do not show where
};

/// The longest chain of reports that agree with each other, or differ by what arrivals show: the others are
/// outliers. Empty where most are, of `all` that came.
[[nodiscard]] std::vector<ChainedReport> chain_reports(const std::vector<ReportPoint>& reports,
                                                       const Arrivals& arrivals, std::size_t all);

}  // namespace rtpx::timeline
