#include <algorithm>
#include <cmath>

#include "timeline/bounds.hpp"
#include "timeline/clock_fit.hpp"

namespace rtpx::timeline {
namespace {

using Report = SegmentClock::Samples::Report;

constexpr double kReportNoise = 15e6;    // ns; browsers' audio reports scatter by 4 ms
constexpr double kGreatestDrift = 3e-4;  // that reports may run apart by without a jump
constexpr double kReportWindow = 20e9;

struct Point {
  double x, offset, receive;  // ns; receive since the origin
};

/// A run of reports that agree on one clock.
struct Level {
  std::vector<Point> points;
  double shift = 0;  // taken out: the NTP clock was stepped, not the RTP clock
  Line line;
  double cut_x = -std::numeric_limits<double>::infinity();  // where it begins
  std::vector<ClockJump> before;  // more jumps before that one, between which there were no reports
  bool hard = false;              // a cut there, not a slide
};

bool agrees(const Level& level, const Point& point) {
  const Point& last = level.points.back();
  return std::abs(point.offset - last.offset) <= kReportNoise + kGreatestDrift * std::abs(point.x - last.x);
}

/// Levels in order. A report that disagrees with those before and after it is dropped; none are left where no
/// two agree.
std::vector<Level> levels_of(const std::vector<Point>& points, const auto& supported) {
  std::vector<Level> levels;
  std::vector<Level> all;
  for (const Point& point : points) {
    if (!all.empty() && agrees(all.back(), point)) {
      all.back().points.push_back(point);
    } else if (all.size() >= 2 && all.back().points.size() == 1 && agrees(all[all.size() - 2], point)) {
      all.pop_back();
      all.back().points.push_back(point);
    } else {
      all.push_back({{point}});
    }
  }
  for (Level& level : all) {
    const bool alone = level.points.size() == 1 && all.size() > 1;
    if (alone && !levels.empty() && !supported(levels.back(), level)) continue;
    if (!alone && levels.size() == 1 && levels[0].points.size() == 1 && !supported(levels[0], level))
      levels.clear();
    levels.push_back(std::move(level));
  }
  if (all.size() > 1 && levels.size() == 1 && levels[0].points.size() == 1) levels.clear();  // no two agree
  return levels;
}

/// One slope for all levels (they share a crystal), each with its own offset; outliers are left out.
double fit_levels(std::vector<Level>& levels, double& residual) {
  double slope = 0;
  double limit = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 3; ++round) {
    double xx = std::pow(kExpectedNoise / kExpectedSlope, 2), xy = 0;
    for (Level& level : levels) {
      double x = 0, offset = 0, count = 0;
      const auto kept = [&](const Point& p) {
        return round == 0 || std::abs(p.offset - level.line.at(p.x)) <= limit;
      };
      for (const Point& p : level.points)
        if (kept(p)) x += p.x, offset += p.offset, ++count;
      if (count == 0) continue;
      x /= count, offset /= count;
      for (const Point& p : level.points)
        if (kept(p)) xx += (p.x - x) * (p.x - x), xy += (p.x - x) * (p.offset - offset);
      level.line.mid = x;
      level.line.offset = offset;
    }
    slope = std::clamp(xy / xx, -kMaxSlope, kMaxSlope);
    std::vector<double> off;
    for (Level& level : levels) {
      level.line.slope = slope;
      for (const Point& p : level.points) off.push_back(std::abs(p.offset - level.line.at(p.x)));
    }
    limit = std::max(5e6, 4 * median(off));
    double squares = 0, count = 0;
    for (const double o : off)
      if (o <= limit) squares += o * o, ++count;
    residual = count > 0 ? std::sqrt(squares / count) : 0;
  }
  return slope;
}

double earliest_between(const std::vector<Knot>& arrivals, double from, double to) {
  std::vector<double> offsets;
  for (auto at = std::ranges::lower_bound(arrivals, from, {}, &Knot::x); at != arrivals.end() && at->x <= to;
       ++at)
    offsets.push_back(at->offset);
  return offsets.empty() ? std::numeric_limits<double>::quiet_NaN() : low_quantile(offsets);
}

double tolerance(double moved) {
  return 150e6 + 0.02 * std::abs(moved);
}

/// The jumps that arrivals show between two levels and that make up what the reports moved by: one, or all.
std::vector<ClockJump> matching_jumps(const std::vector<ClockJump>& jumps, const Level& before,
                                      const Level& after, double moved) {
  std::vector<ClockJump> between;
  double sum = 0;
  for (const ClockJump& jump : jumps) {
    if (jump.x < before.points.front().x || jump.x > after.points.front().x + 1e9) continue;
    if (std::isfinite(before.cut_x) && jump.x <= before.cut_x) continue;
    between.push_back(jump);
    sum += jump.moved;
  }
  const auto off = [&](const ClockJump& jump) { return std::abs(jump.moved - moved); };
  const auto best = std::ranges::min_element(between, {}, off);
  if (best == between.end()) return {};
  if (off(*best) <= tolerance(moved) && off(*best) <= 0.5 * std::abs(moved)) return {*best};
  if (std::abs(sum - moved) <= tolerance(moved)) return between;
  return {};
}

/// Where between two levels the earliest arrivals step up: the x that leaves least of them on the wrong side.
double best_split(const std::vector<Knot>& arrivals, double from, double to, double low, double high) {
  const auto begin = std::ranges::lower_bound(arrivals, from, {}, &Knot::x);
  const auto end = std::ranges::upper_bound(arrivals, to, {}, &Knot::x);
  double wrong = 0;
  for (auto at = begin; at != end; ++at) wrong += std::abs(at->offset - high);
  double least = wrong, split = from;
  for (auto at = begin; at != end; ++at) {
    wrong += std::abs(at->offset - low) - std::abs(at->offset - high);
    if (wrong < least) {
      least = wrong;
      split = at + 1 == end ? to : (at + 1)->x;
    }
  }
  return split;
}

/// Decides where `after` begins and whether its clock jumped at all.
void place_cut(const Level& before, Level& after, const std::vector<ClockJump>& jumps,
               const std::vector<Knot>& arrivals) {
  const double from = before.points.back().x;
  const double to = after.points.front().x;
  const double moved = after.points.front().offset - before.points.back().offset;
  if (auto found = matching_jumps(jumps, before, after, moved); !found.empty()) {
    after.cut_x = found.back().x;
    after.hard = std::abs(moved) > kSmallJump;
    found.pop_back();
    after.before = std::move(found);
    return;
  }
  const double low =
      earliest_between(arrivals, std::max(before.points.front().x - 5e9, from - kReportWindow), from);
  const double high = earliest_between(arrivals, to, to + kReportWindow);
  const bool seen =
      std::isfinite(low) && std::isfinite(high) && std::abs(high - low - moved) < std::abs(moved) / 2;
  after.cut_x = (from + to) / 2;
  if (seen && to > from) after.cut_x = best_split(arrivals, from, to, low, high);
  after.hard = std::abs(moved) > kSmallJump;
  // Reports jump, arrivals do not: somebody set the sender's clock.
  if (after.hard && !seen) after.shift = moved;
}

/// Long levels bend with temperature: knots every few minutes where one line is not enough.
void add_bends(Curve& curve, const Level& level, double from, double to) {
  constexpr double kSpan = 180e9;
  constexpr std::size_t kFewest = 8;
  curve.push_back({from, level.line.at(from)});
  if (to - from >= 3 * kSpan) {
    Curve bends;
    double bent = 0;
    std::vector<double> off;
    double x = 0, window_end = from + kSpan;
    for (const Point& p : level.points) {
      if (p.x < from || p.x > to) continue;
      if (p.x >= window_end) {
        if (off.size() >= kFewest) {
          const double lift = median(off);
          const double at = x / static_cast<double>(off.size());
          bends.push_back({at, level.line.at(at) + lift});
          bent = std::max(bent, std::abs(lift));
        }
        off.clear();
        x = 0;
        while (window_end <= p.x) window_end += kSpan;
      }
      off.push_back(p.offset - level.line.at(p.x));
      x += p.x;
    }
    if (bent > 3e6 && bends.size() >= 3) {
      curve.back().offset = bends.front().offset + level.line.slope * (from - bends.front().x);
      curve.insert(curve.end(), bends.begin(), bends.end());
      curve.push_back({to, bends.back().offset + level.line.slope * (to - bends.back().x)});
      return;
    }
  }
  curve.push_back({to, level.line.at(to)});
}

Curve curve_of(const std::vector<Level>& levels, double end) {
  Curve curve;
  double from = 0;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const Level* next = i + 1 < levels.size() ? &levels[i + 1] : nullptr;
    double to = next == nullptr ? end : next->before.empty() ? next->cut_x : next->before.front().x;
    to = std::max(to, from);
    double next_from = to;
    if (next != nullptr && !next->hard) {
      const double half = std::abs(next->line.at(to) - levels[i].line.at(to)) / kSlide / 2;
      next_from = to + half;
      to = std::max(from, to - half);
    }
    add_bends(curve, levels[i], from, to);
    from = next_from;
    if (next == nullptr) break;
    double moved = 0;
    for (std::size_t j = 0; j < next->before.size(); ++j) {  // runs without reports: moved as arrivals say
      moved += next->before[j].moved;
      const double until = j + 1 < next->before.size() ? next->before[j + 1].x : next->cut_x;
      curve.push_back({from, levels[i].line.at(from) + moved});
      from = std::max(from, until);
      curve.push_back({from, levels[i].line.at(from) + moved});
    }
  }
  return curve;
}

std::vector<Point> points_of(const SegmentClock::Samples& samples, const std::vector<Report>& reports,
                             const Origin& origin) {
  const double turn = 4294967296.0 * samples.ns_per_tick;
  std::vector<Point> points;
  for (const Report& report : reports) {
    double x = static_cast<double>(report.rtp_time - samples.first_rtp_time) * samples.ns_per_tick;
    const double receive = static_cast<double>(report.receive_ms - origin.receive_ms) * 1e6;
    const double since_first = static_cast<double>(report.receive_ms - samples.first_receive_ms) * 1e6;
    if (report.receive_ms != 0)
      x += turn * std::round((since_first - x) / turn);  // the caller may be a turn off
    points.push_back({x, static_cast<double>(report.ntp_ns - origin.ntp_ns) - x, receive});
  }
  return points;
}

std::optional<ClockFit> fit(const SegmentClock::Samples& samples, const std::vector<Report>& reports,
                            const Origin& origin) {
  if (samples.empty() || reports.empty()) return std::nullopt;
  const std::vector<Knot> arrivals = earliest_arrivals(samples, origin);
  const std::vector<ClockJump> jumps = clock_jumps(samples, arrivals);
  const auto supported = [&](const Level& before, const Level& after) {
    const double moved = after.points.front().offset - before.points.back().offset;
    return std::abs(moved) < 10 * kSmallJump || !matching_jumps(jumps, before, after, moved).empty();
  };
  std::vector<Level> levels = levels_of(points_of(samples, reports, origin), supported);
  if (levels.empty()) return std::nullopt;
  for (std::size_t i = 1; i < levels.size(); ++i) {
    place_cut(levels[i - 1], levels[i], jumps, arrivals);
    if (levels[i].shift != 0)
      for (std::size_t j = i; j < levels.size(); ++j)
        for (Point& p : levels[j].points) p.offset -= levels[i].shift;
    if (levels[i].shift != 0) levels[i].hard = false;
  }
  ClockFit out;
  out.slope = fit_levels(levels, out.residual);
  out.curve = curve_of(levels, x_of(samples, samples.last_rtp_time));
  return out;
}

}  // namespace

std::optional<ClockFit> fit_reports(const SegmentClock::Samples& samples, const Origin& origin) {
  return fit(samples, samples.reports, origin);
}

std::optional<ClockFit> fit_captures(const SegmentClock::Samples& samples, const Origin& origin) {
  return fit(samples, samples.captures, origin);
}

}  // namespace rtpx::timeline
