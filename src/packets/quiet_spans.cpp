#include "packets/quiet_spans.hpp"

#include "packets/limits.hpp"

namespace rtpx {

void QuietSpans::note(const Step& step, std::int64_t ticks) {
  const std::int64_t step_ms = ticks * 1000 / step.clock_rate;
  const bool audio = kind_ == MediaKind::audio;

  QuietSpan span{ReportGap::Kind::pause, step.segment, step.from_timestamp, step.to_timestamp};
  if (step.arrival_ms >= kQuietMs && step_ms < step.arrival_ms / 2)
    span.kind = ReportGap::Kind::pause;
  else if (audio && step_ms >= 5 * kQuietMs)
    span.kind = ReportGap::Kind::mute;
  else if (audio && ticks > 3 * typical_ && step_ms >= kLeastMs)
    span.kind = ReportGap::Kind::dtx;
  else if (audio || step_ms < 2 * kQuietMs)
    return;

  if (extends_last(span))
    out_.back().to_timestamp = span.to_timestamp;
  else if (out_.size() < kMaxListed)
    out_.push_back(span);
}

// A few comfort packets between do not end the silence.
bool QuietSpans::extends_last(const QuietSpan& span) const {
  if (out_.empty() || span.kind != ReportGap::Kind::dtx) return false;
  const QuietSpan& last = out_.back();
  return last.kind == span.kind && last.segment == span.segment &&
         span.from_timestamp - last.to_timestamp <= 2 * typical_;
}

}  // namespace rtpx
