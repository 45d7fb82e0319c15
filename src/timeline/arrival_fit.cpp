#include "timeline/bounds.hpp"
#include "timeline/clock_fit.hpp"

namespace rtpx::timeline {

ClockFit fit_arrivals(const SegmentClock::Samples& samples, const Arrivals& arrivals) {
  std::vector<Run> runs;
  double network =
      arrivals.network_before;  // by how much the network has got slower since the recording began
  for (std::size_t i = 0; i < arrivals.levels.size(); ++i) {
    const ArrivalLevel& level = arrivals.levels[i];
    if (i > 0 && level.network) network += arrivals.moved(i);
    Run run{level.x, level.x_before, arrivals.line, {}, level.placed};
    run.line.offset += level.above - network;
    if (level.event) run.source = StepSource::event_duration;
    runs.push_back(std::move(run));
  }
  SteppedCurve joined =
      join(runs, x_of(samples, samples.empty() ? 0 : samples.last_rtp_time), kSlideByArrivals);
  return {std::move(joined.curve), std::move(joined.steps), arrivals.line.slope, arrivals.line.residual};
}

}  // namespace rtpx::timeline
