#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rtpx {

/// What is known of the clock of one segment: a run of packets of one SSRC whose sequence numbers and RTP
/// time belong together. Fed during the scan, in file order; memory grows with sender reports and with
/// minutes, not with packets. RTP times are unwrapped; reports may come before or after the packets they
/// describe.
class SegmentClock {
 public:
  static constexpr std::int64_t kMostAheadMs = 1'000;  ///< by which a picture is sent before one that is shown first
  /// `reorders`: pictures may be sent so (B pictures).
  explicit SegmentClock(std::uint32_t clock_rate, bool reorders = false);
  /// A copy goes its own way.
  SegmentClock(const SegmentClock& other);
  SegmentClock& operator=(const SegmentClock& other);
  SegmentClock(SegmentClock&&) noexcept = default;
  SegmentClock& operator=(SegmentClock&&) noexcept = default;

  /// One media packet. `receive_ms` is the record's time. `sequence` is unwrapped and tells a leap of the
  /// sender's clock from loss. `duration_ns`: how long the packet plays, by its payload; 0: not known. It is
  /// looked at only while wants_durations() says so.
  void add_packet(std::int64_t rtp_time, std::int64_t receive_ms, std::int64_t sequence,
                  std::int64_t duration_ns = 0);
  [[nodiscard]] bool wants_durations() const noexcept;
  /// A packet of a telephone event (RFC 4733) that began at `rtp_time` and has lasted for `duration` ticks.
  /// Some phones let RTP time stand still meanwhile.
  void add_event(std::int64_t rtp_time, std::int64_t duration);
  /// One sender report of this SSRC (RFC 3550 section 6.4.1). `ntp_ns`: since 1900 (rtp/rtcp.hpp).
  void add_sender_report(std::int64_t rtp_time, std::int64_t ntp_ns, std::int64_t receive_ms);
  /// One abs-capture-time extension; `ntp_ns` on the capturer's clock.
  void add_capture_time(std::int64_t rtp_time, std::int64_t ntp_ns);

  struct Samples;  // timeline/samples.hpp
  [[nodiscard]] const Samples& samples() const;

 private:
  std::shared_ptr<Samples> samples_;
};

enum class ClockSource : std::uint8_t { sender_reports, capture_time, arrival };
[[nodiscard]] const char* to_string(ClockSource source) noexcept;

/// What shows that time went on otherwise than RTP time.
enum class StepSource : std::uint8_t { arrival, sender_reports, capture_time, event_duration };
[[nodiscard]] const char* to_string(StepSource source) noexcept;

/// Where RTP times of one segment lie on the recording's timeline: piecewise linear and strictly increasing.
/// Continuous except at cuts, where the sender's RTP clock stood still or leapt: there time jumps from one
/// tick to the next. Nanoseconds since the timeline's zero (the earliest media of all segments).
class SegmentMap {
 public:
  struct Piece {
    std::int64_t rtp_time = 0;  ///< the piece begins here
    std::int64_t time_ns = 0;
    double ns_per_tick = 0;
  };
  [[nodiscard]] std::int64_t time_ns(std::int64_t rtp_time) const noexcept;

  std::vector<Piece> pieces;  ///< at least one, by rtp_time; the first also serves earlier times
  ClockSource source = ClockSource::arrival;
  double residual_ms = 0;  ///< root mean square of the samples used against the map
  double drift_ppm = 0;    ///< of the sender's RTP clock against the timeline

  /// Time went on by more than RTP time (the clock stood still) or by less (it leapt).
  struct Step {
    std::int64_t rtp_time = 0;     ///< of the first media after it
    std::int64_t duration_ns = 0;  ///< negative: a leap
    StepSource source = StepSource::arrival;
    bool slides = false;  ///< not in one place: time catches up bit by bit around it
  };
  std::vector<Step> steps;       ///< by rtp_time
  std::uint32_t clock_rate = 0;  ///< at which the RTP clock runs; 0: as negotiated
};

/// One segment to place.
struct SegmentInput {
  const SegmentClock* clock = nullptr;
  std::uint32_t clock_rate = 0;
  bool audio = false;
  std::string cname;   ///< empty: unknown
  std::string stream;  ///< first stream id of the track: what is played together
  std::string track;   ///< track id and rid: segments of one track follow each other
  std::int64_t cut_ns = 0;  ///< of the time before it, this much is left out of the timeline
};

struct Timeline {
  std::vector<SegmentMap> maps;  ///< one for each input, in order
  /// receive time (ms) at the timeline's zero: with the manifest's clock anchor, the wall-clock start.
  double zero_receive_ms = 0;
};

/// Places all segments of a recording on one timeline. Arrivals show where a clock stood still or leapt;
/// sender reports (else abs-capture-time) tell the sender's time and correct what arrivals say of such a
/// step; tracks of one CNAME share the sender's clock. Without either, arrivals tell all. Segments of one
/// track do not overlap. Pure: same input, same answer. How and why: docs/timing.md.
[[nodiscard]] Timeline place_segments(const std::vector<SegmentInput>& segments);

}  // namespace rtpx
