#pragma once

#include <optional>

#include "timeline/curve.hpp"
#include "timeline/samples.hpp"

namespace rtpx::timeline {

/// Where the numbers of one recording begin, so that they fit doubles.
struct Origin {
  std::int64_t ntp_ns = 0;
  std::int64_t receive_ms = 0;
};

/// The clock of one segment: RTP time to NTP time or to arrival time, both since the Origin.
struct ClockFit {
  Curve curve;
  double slope = 0;     ///< of the sender's RTP clock: offset gained, ns per ns
  double residual = 0;  ///< root mean square, ns
};

/// x of a packet's RTP time: ns since the segment's first.
[[nodiscard]] double x_of(const SegmentClock::Samples& samples, std::int64_t rtp_time);

/// The earliest packets as points: x, and arrival since the origin minus x.
[[nodiscard]] std::vector<Knot> earliest_arrivals(const SegmentClock::Samples& samples, const Origin& origin);

/// A break after which packets keep coming later (or earlier) than before it: the sender's RTP clock did not
/// go on with time there.
struct ClockJump {
  double x = 0;
  double moved = 0;  ///< ns
};
[[nodiscard]] std::vector<ClockJump> clock_jumps(const SegmentClock::Samples& samples,
                                                 const std::vector<Knot>& arrivals);

/// From sender reports; nullopt when they make no sense. RFC 3550 section 6.4.1.
[[nodiscard]] std::optional<ClockFit> fit_reports(const SegmentClock::Samples& samples, const Origin& origin);
/// From abs-capture-time.
[[nodiscard]] std::optional<ClockFit> fit_captures(const SegmentClock::Samples& samples,
                                                   const Origin& origin);
/// From the earliest arrivals alone.
[[nodiscard]] ClockFit fit_arrivals(const SegmentClock::Samples& samples, const Origin& origin);

}  // namespace rtpx::timeline
