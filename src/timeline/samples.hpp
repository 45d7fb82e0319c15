#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "timeline/rate_probe.hpp"
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
  /// A packet before which RTP time and arrival time moved apart at once, and that what came in the next
  /// second did not make up for: a clock that stood still or leapt, or a network that got slower.
  struct Break {
    std::int64_t rtp_before;  ///< of the packet before it
    std::int64_t rtp_time;
    std::int64_t receive_ms;
    double moved_ns;        ///< by how much more arrival time went on than RTP time
    double before_ns;       ///< least transit of the second before
    double first_ns;        ///< transit of the first packet after
    double since_ns;        ///< least transit of the second after
    std::uint32_t packets;  ///< of the second after
    bool event;             ///< a telephone event lay there whose length RTP time did not go on by
  };
  struct Event {
    std::int64_t rtp_time, duration;
  };

  std::uint32_t clock_rate = 1;  ///< negotiated
  double ns_per_tick = 1e9;      ///< as found
  std::uint32_t line_rate = 0;   ///< found by timeline/line_rate.hpp; 0: none
  RateProbe probe;
  std::int64_t max_rtp_time = 0;   ///< in both directions; farther ones are ignored
  /// Of pictures that are not sent in their order: a packet is looked at with the least RTP time of those that are sent from it
  /// on, which goes on as time does however many pictures are sent ahead.
  struct Waiting {
    RateProbe::Packet packet;
    std::int64_t own_rtp_time;
  };
  bool reorders = false, judged = false;
  std::deque<Waiting> waiting;
  std::vector<Earliest> earliest;  ///< by RTP time
  std::vector<Break> breaks;       ///< by RTP time
  std::vector<Report> reports;     ///< in arrival order
  std::vector<Report> captures;
  std::int64_t first_rtp_time = std::numeric_limits<std::int64_t>::max();
  std::int64_t last_rtp_time = std::numeric_limits<std::int64_t>::min();
  std::int64_t first_receive_ms = 0;  ///< of the first packet in the file
  double excess_ns = 0;               ///< by which packets came after the soonest of their second: the sum
  std::uint64_t packets = 0;          ///< that are in the sum

  [[nodiscard]] bool empty() const noexcept { return last_rtp_time < first_rtp_time; }
  [[nodiscard]] std::uint32_t rate() const noexcept { return line_rate != 0 ? line_rate : probe.rate(); }
  [[nodiscard]] bool other_rate() const noexcept;
  /// Arrival times tell nothing: the packets came much faster than they play, as from a file without times.
  [[nodiscard]] bool timeless() const noexcept;

  void take(std::int64_t rtp_time, std::int64_t receive_ms, std::int64_t sequence);

  // State of take().
  std::int64_t bucket_ticks = 1;
  std::int64_t bucket_end = 0;
  double bucket_transit = 0;       // of earliest.back(), ns
  std::int64_t second_end_ms = 0;  // of arrivals
  double second_transit = 0,
         second_before_transit = 0;  // least of the current second of arrivals, and the last
  std::int64_t last_receive_ms = 0;
  std::int64_t last_sequence = 0;
  double last_transit = 0;
  std::int64_t typical_ticks = 0;  // shortest step between packets that adjoin in number
  std::size_t joined_buckets = 0;  // as long as they should be
  std::int64_t joined_from = 0;    // where the last of these began
  std::size_t settled_breaks = 0;  // those behind are younger than a second
  Event event{};                   // the last one
  std::uint32_t report_stride = 1, report_count = 0;
  std::uint32_t capture_stride = 1, capture_count = 0;

 private:
  void start_bucket(std::int64_t rtp_time, std::int64_t receive_ms, double transit);
  void halve_buckets();
  void join_buckets();
  [[nodiscard]] bool breaks_off(std::int64_t rtp_time, std::int64_t receive_ms, std::int64_t sequence,
                                double transit) const noexcept;
  void note_break(std::int64_t rtp_time, std::int64_t receive_ms, double transit);
  void note_lateness(std::int64_t receive_ms, double transit);
  void settle_breaks(std::int64_t receive_ms, double transit);
  [[nodiscard]] double transit(std::int64_t rtp_time, std::int64_t receive_ms) const noexcept {
    return static_cast<double>(receive_ms) * 1e6 - static_cast<double>(rtp_time) * ns_per_tick;
  }
};

}  // namespace rtpx
