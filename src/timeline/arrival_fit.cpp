#include <algorithm>
#include <cmath>

#include "timeline/bounds.hpp"
#include "timeline/clock_fit.hpp"
#include "timeline/steps.hpp"

namespace rtpx::timeline {
namespace {

constexpr double kArrivalWindow = 10e9;  // ns of arrivals looked at on either side of a break

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
    const double from = std::max(jumps.empty() ? 0.0 : jumps.back().x, x - kArrivalWindow);
    const double to = std::min(end, x + kArrivalWindow);
    if (!enough_to_tell(found.moved_ns, x - from, to - x)) continue;
    // A stall of the network shows at the break only: what was held up comes at once, then all is as before.
    const double moved = earliest(arrivals, x, to + 1) - earliest(arrivals, from, x);
    if (std::isfinite(moved) && moved * found.moved_ns > 0 &&
        std::abs(moved) > 0.6 * std::abs(found.moved_ns))
      jumps.push_back({x, moved});
  }
  return jumps;
}

namespace {

/// One line for all, its slope found with jumps and steps taken out. Drift and steps look alike from afar:
/// the line is sought from no drift on and from the drift that would explain all, and the better one taken.
Line fit_between_changes(std::vector<Knot> points, const std::vector<ClockJump>& jumps) {
  for (Knot& p : points)
    for (const ClockJump& jump : jumps)
      if (p.x >= jump.x) p.offset -= jump.moved;
  Line best;
  double least = std::numeric_limits<double>::infinity();
  for (Line line : {Line{}, fit_lower_edge(points)}) {
    std::vector<Knot> level = points;
    for (int round = 0; round < 3; ++round) {
      level = without_steps(points, line);
      line = fit_lower_edge(level);
    }
    std::vector<double> off;
    for (const Knot& p : level) off.push_back(std::abs(p.offset - line.at(p.x)));
    const double scatter = median(std::move(off));
    if (scatter < 0.5 * least) best = line, least = scatter;
  }
  return best;
}

/// A run without a jump: its lower edge, level by level; from one to the next time slides.
void add_run(Curve& curve, const std::vector<Knot>& points, const Line& line, double from, double to) {
  std::vector<double> steps = find_steps(points);
  steps.push_back(std::numeric_limits<double>::infinity());
  double lift = 0, last_step = from;
  auto point = points.begin();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    std::vector<double> above;
    for (; point != points.end() && point->x < steps[i]; ++point) above.push_back(point->offset);
    const double next_lift = low_quantile(std::move(above));
    if (i > 0) {
      const double half = std::abs(next_lift - lift) / kSlide / 2;
      const double begin = std::max({from, curve.back().x, last_step - half}),
                   end = std::min(to, last_step + half);
      curve.push_back({begin, line.at(begin) + lift});
      curve.push_back({std::max(begin, end), line.at(end) + next_lift});
    } else {
      curve.push_back({from, line.at(from) + next_lift});
    }
    lift = next_lift;
    last_step = steps[i];
  }
  curve.push_back({to, line.at(to) + lift});
}

/// Breaks part the earliest arrivals into stretches too short to be early: whole seconds again, except at
/// jumps.
std::vector<Knot> by_second(const std::vector<Knot>& arrivals, const std::vector<ClockJump>& jumps) {
  std::vector<Knot> seconds;
  auto jump = jumps.begin();
  double end = -std::numeric_limits<double>::infinity();
  for (const Knot& p : arrivals) {
    const bool cut = jump != jumps.end() && p.x >= jump->x;
    if (cut) ++jump;
    if (cut || p.x >= end) {
      seconds.push_back(p);
      end = p.x + 1e9;
    } else if (p.offset < seconds.back().offset) {
      seconds.back() = p;
    }
  }
  return seconds;
}

}  // namespace

ClockFit fit_arrivals(const SegmentClock::Samples& samples, const Origin& origin) {
  std::vector<Knot> points = earliest_arrivals(samples, origin);
  if (points.empty()) return {{{0, 0}}, 0, 0};
  std::vector<ClockJump> jumps = clock_jumps(samples, points);
  std::erase_if(jumps, [](const ClockJump& jump) { return std::abs(jump.moved) < kSmallJump; });
  points = by_second(points, jumps);
  const Line line = fit_between_changes(points, jumps);

  ClockFit fit{{}, line.slope, line.residual};
  const double last = x_of(samples, samples.last_rtp_time);
  auto point = points.begin();
  for (std::size_t run = 0; run <= jumps.size(); ++run) {
    const bool final = run == jumps.size();
    const double from = run == 0 ? 0 : jumps[run - 1].x;
    const double to = final ? std::max(last, from) : jumps[run].x;
    std::vector<Knot> above;
    for (; point != points.end() && (final || point->x < to); ++point)
      above.push_back({point->x, point->offset - line.at(point->x)});
    add_run(fit.curve, above, line, from, to);
  }
  return fit;
}

}  // namespace rtpx::timeline
