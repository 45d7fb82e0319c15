#include <algorithm>
#include <cmath>

#include "timeline/timeline.hpp"

namespace rtpx {

const char* to_string(ClockSource source) noexcept {
  switch (source) {
    case ClockSource::sender_reports:
      return "sender_reports";
    case ClockSource::capture_time:
      return "capture_time";
    case ClockSource::arrival:
      break;
  }
  return "arrival";
}

const char* to_string(StepSource source) noexcept {
  switch (source) {
    case StepSource::arrival:
      break;
    case StepSource::sender_reports:
      return "sender_reports";
    case StepSource::capture_time:
      return "capture_time";
    case StepSource::event_duration:
      return "event_duration";
  }
  return "arrival";
}

std::int64_t SegmentMap::time_ns(std::int64_t rtp_time) const noexcept {
  if (pieces.empty()) return 0;
  auto next = std::ranges::upper_bound(pieces, rtp_time, {}, &Piece::rtp_time);
  const Piece& piece = next == pieces.begin() ? *next : *(next - 1);
  const double ticks = static_cast<double>(rtp_time) - static_cast<double>(piece.rtp_time);
  constexpr double kLimit = 4e18;  // keeps sums within int64_t
  return piece.time_ns +
         static_cast<std::int64_t>(std::llround(std::clamp(ticks * piece.ns_per_tick, -kLimit, kLimit)));
}

}  // namespace rtpx
