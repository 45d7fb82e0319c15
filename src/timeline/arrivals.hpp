#pragma once

#include <cstddef>
#include <vector>

#include "timeline/curve.hpp"
#include "timeline/samples.hpp"

namespace rtpx::timeline {

/// Where the numbers of one recording begin, so that they fit doubles.
struct Origin {
  std::int64_t ntp_ns = 0;
  std::int64_t receive_ms = 0;
};

/// x of a packet's RTP time: ns since the segment's first.
[[nodiscard]] double x_of(const SegmentClock::Samples& samples, std::int64_t rtp_time);

/// The earliest packets as points: x, and arrival since the origin minus x.
[[nodiscard]] std::vector<Knot> earliest_arrivals(const SegmentClock::Samples& samples, const Origin& origin);

/// A stretch over which packets keep one distance from their RTP time.
struct ArrivalLevel {
  double x = 0;          ///< where it begins
  double x_before = 0;   ///< of the last packet before it
  double receive = 0;    ///< of its first packet, ns since the origin
  double above = 0;      ///< its earliest arrivals above the line
  bool placed = true;    ///< a silence shows where it begins; else only that it does
  bool event = false;    ///< a telephone event lay before it
  bool leap = false;     ///< RTP time went on by more than time did
  bool network = false;  ///< another track of the sender came later by as much at that moment
};

/// What arrivals alone tell of a segment's clock.
struct Arrivals {
  Line line;                         ///< without the steps from level to level
  std::vector<ArrivalLevel> levels;  ///< at least one
  std::vector<Knot> seconds;         ///< the earliest arrivals of each second
  double scatter = 0;                ///< of them, ns
  double network_before = 0;         ///< by how much the network had got slower before the segment began, ns

  /// How much later than the one before it this level lies.
  [[nodiscard]] double moved(std::size_t level) const {
    return levels[level].above - levels[level - 1].above;
  }
  /// The level that packets received at this time belong to.
  [[nodiscard]] std::size_t level_at(double receive) const;
  [[nodiscard]] std::size_t level_of(double x) const;
};

/// The earliest of the points from one x to another, robustly; NaN where there are none.
[[nodiscard]] double earliest(const std::vector<Knot>& points, double from, double to);

[[nodiscard]] Arrivals read_arrivals(const SegmentClock::Samples& samples, const Origin& origin);

}  // namespace rtpx::timeline
