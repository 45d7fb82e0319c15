#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "timeline/timeline.hpp"

namespace rtpx {

/// What SegmentClock keeps. Everything is thinned out when it grows: an hour is about 60 KB of buckets and at
/// most 100 KB of reports, and ten hours are not more than twice that.
struct SegmentClock::Samples {
  /// The packet that came soonest after its RTP time, of about a second of RTP time.
  struct Earliest {
    std::int64_t rtp_time;
    std::int64_t receive_ms;
  };
  struct Report {
    std::int64_t rtp_time;
    std::int64_t ntp_ns;
    std::int64_t receive_ms;  ///< 0 for capture times
  };
  /// A packet before which RTP time and arrival time moved apart at once: a paused clock, a jump, or just a
  /// stall of the network, which only what follows can tell.
  struct Break {
    std::int64_t rtp_time;
    std::int64_t receive_ms;
    double moved_ns;  ///< by how much more arrival time went on than RTP time
  };

  std::uint32_t clock_rate = 1;
  double ns_per_tick = 1e9;
  std::int64_t max_rtp_time = 0;   ///< in both directions; farther ones are ignored
  std::vector<Earliest> earliest;  ///< by RTP time
  std::vector<Break> breaks;       ///< by RTP time
  std::vector<Report> reports;     ///< in arrival order
  std::vector<Report> captures;
  std::int64_t first_rtp_time = std::numeric_limits<std::int64_t>::max();
  std::int64_t last_rtp_time = std::numeric_limits<std::int64_t>::min();
  std::int64_t first_receive_ms = 0;  ///< of the first packet in the file

  [[nodiscard]] bool empty() const noexcept { return last_rtp_time < first_rtp_time; }

  // State of add_packet.
  std::int64_t bucket_ticks = 1;
  std::int64_t bucket_end = 0;
  double bucket_transit = 0;  // of earliest.back(), ns
  std::int64_t last_receive_ms = 0;
  std::int64_t last_sequence = 0;
  double last_transit = 0;
  std::uint32_t report_stride = 1, report_count = 0;
  std::uint32_t capture_stride = 1, capture_count = 0;
};

}  // namespace rtpx
