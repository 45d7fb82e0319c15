#pragma once

#include <optional>
#include <vector>

#include "timeline/arrivals.hpp"
#include "timeline/curve.hpp"
#include "timeline/runs.hpp"
#include "timeline/samples.hpp"

namespace rtpx::timeline {

/// The clock of one segment: RTP time to NTP time or to arrival time, both since the Origin.
struct ClockFit {
  Curve curve;
  std::vector<CurveStep> steps;
  double slope = 0;     ///< of the sender's RTP clock: offset gained, ns per ns
  double residual = 0;  ///< root mean square, ns
};

/// From sender reports; nullopt when they make no sense. RFC 3550 section 6.4.1.
[[nodiscard]] std::optional<ClockFit> fit_reports(const SegmentClock::Samples& samples,
                                                  const Arrivals& arrivals, const Origin& origin);
/// From abs-capture-time.
[[nodiscard]] std::optional<ClockFit> fit_captures(const SegmentClock::Samples& samples,
                                                   const Arrivals& arrivals, const Origin& origin);
/// From the earliest arrivals alone.
[[nodiscard]] ClockFit fit_arrivals(const SegmentClock::Samples& samples, const Arrivals& arrivals);

}  // namespace rtpx::timeline
