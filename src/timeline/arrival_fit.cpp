#include <algorithm>
#include <cmath>

#include "timeline/clock_fit.hpp"

namespace rtpx::timeline {
namespace {

constexpr double kWindow = 10e9;  // ns of arrivals looked at on either side of a break

/// Small breaks may be jitter: only many packets tell. A great one may be a stall, which is over when half as
/// much has followed.
bool enough_to_tell(double moved, double before, double after) {
  if (moved < 250e6) return before > 2e9 && after > 2e9;
  return after > std::clamp(std::abs(moved) / 2, 0.3e9, 3e9);
}

/// The earliest arrival among points of [begin, end).
double earliest(const std::vector<Knot>& arrivals, double begin, double end) {
  double least = std::numeric_limits<double>::infinity();
  for (auto at = std::ranges::lower_bound(arrivals, begin, {}, &Knot::x); at != arrivals.end() && at->x < end;
       ++at)
    least = std::min(least, at->offset);
  return least;
}

}  // namespace

double x_of(const SegmentClock::Samples& samples, std::int64_t rtp_time) {
  return static_cast<double>(rtp_time - samples.first_rtp_time) * samples.ns_per_tick;
}

std::vector<Knot> earliest_arrivals(const SegmentClock::Samples& samples, const Origin& origin) {
  std::vector<Knot> points;
  points.reserve(samples.earliest.size());
  for (const auto& packet : samples.earliest) {
    const double x = x_of(samples, packet.rtp_time);
    points.push_back({x, static_cast<double>(packet.receive_ms - origin.receive_ms) * 1e6 - x});
  }
  return points;
}

std::vector<ClockJump> clock_jumps(const SegmentClock::Samples& samples, const std::vector<Knot>& arrivals) {
  std::vector<ClockJump> jumps;
  const double end = x_of(samples, samples.last_rtp_time);
  for (const auto& found : samples.breaks) {
    const double x = x_of(samples, found.rtp_time);
    const double from = std::max(jumps.empty() ? 0.0 : jumps.back().x, x - kWindow);
    const double to = std::min(end, x + kWindow);
    if (!enough_to_tell(found.moved_ns, x - from, to - x)) continue;
    // A stall of the network shows at the break only: what was held up comes at once, then all is as before.
    const double moved = earliest(arrivals, x, to + 1) - earliest(arrivals, from, x);
    if (std::isfinite(moved) && moved * found.moved_ns > 0 &&
        std::abs(moved) > 0.6 * std::abs(found.moved_ns))
      jumps.push_back({x, moved});
  }
  return jumps;
}

ClockFit fit_arrivals(const SegmentClock::Samples& samples, const Origin& origin) {
  std::vector<Knot> points = earliest_arrivals(samples, origin);
  if (points.empty()) return {{{0, 0}}, 0, 0};
  const std::vector<ClockJump> jumps = clock_jumps(samples, points);
  // One slope for all, found with the jumps taken out; then each run's own lower edge.
  std::vector<double> taken(points.size(), 0);
  for (std::size_t i = 0; i < points.size(); ++i)
    for (const ClockJump& jump : jumps)
      if (points[i].x >= jump.x) taken[i] += jump.moved;
  for (std::size_t i = 0; i < points.size(); ++i) points[i].offset -= taken[i];
  const Line line = fit_lower_edge(points);

  ClockFit fit{{}, line.slope, line.residual};
  const double end = x_of(samples, samples.last_rtp_time);
  for (std::size_t run = 0; run <= jumps.size(); ++run) {
    const double from = run == 0 ? 0 : jumps[run - 1].x;
    const double to = run == jumps.size() ? std::max(end, from) : jumps[run].x;
    std::vector<double> above;
    for (std::size_t i = 0; i < points.size(); ++i)
      if (points[i].x >= from && (points[i].x < to || run == jumps.size()))
        above.push_back(points[i].offset + taken[i] - line.at(points[i].x));
    const double lift = low_quantile(above);
    fit.curve.push_back({from, line.at(from) + lift});
    fit.curve.push_back({to, line.at(to) + lift});
  }
  return fit;
}

}  // namespace rtpx::timeline
