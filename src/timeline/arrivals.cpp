#include "timeline/arrivals.hpp"

#include <algorithm>
#include <cmath>

#include "timeline/bounds.hpp"
#include "timeline/steps.hpp"

namespace rtpx::timeline {
namespace {

constexpr double kWindow = 10e9;           // of RTP time looked at before a break
constexpr double kStallWindow = 5e9;       // of arrivals in which a stall is made up for
constexpr double kLeastStep = 20e6;        // smaller ones are noise
constexpr double kOneStep = 60e6;          // steps so near to each other are one
constexpr double kSurelyPaused = 500e6;    // even where a lonely packet ends the segment
constexpr double kMostLate = 2e9;          // by which a packet that was sent again comes late
constexpr std::int64_t kPacedMs = 1000;    // after so long what was held up has come
constexpr std::int64_t kShortestMs = 500;  // of a level that ends with a leap
constexpr std::uint32_t kFewestPackets = 5;       // packets that may tell of a shorter pause
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Point {
  double x, receive, offset;
};

/// Where packets begin to keep coming later, or earlier.
struct Jump {
  const SegmentClock::Samples::Break* found;
  double x, x_before, receive, moved;
  double settled;  ///< x from which on packets show how far; those between came by the way
};

std::vector<Point> points_of(const SegmentClock::Samples& samples, const Origin& origin) {
  std::vector<Point> points;
  points.reserve(samples.earliest.size());
  for (const auto& packet : samples.earliest) {
    const double x = x_of(samples, packet.rtp_time);
    const double receive = static_cast<double>(packet.receive_ms - origin.receive_ms) * 1e6;
    points.push_back({x, receive, receive - x});
  }
  return points;
}

/// How much the earliest packets of neighbouring seconds differ where the clock only goes on.
double scatter_of(const SegmentClock::Samples& samples, const std::vector<Knot>& seconds) {
  std::vector<double> off;
  auto next = samples.breaks.begin();
  for (std::size_t i = 1; i < seconds.size(); ++i) {
    while (next != samples.breaks.end() && x_of(samples, next->rtp_time) <= seconds[i - 1].x) ++next;
    if (next == samples.breaks.end() || x_of(samples, next->rtp_time) > seconds[i].x)
      off.push_back(std::abs(seconds[i].offset - seconds[i - 1].offset));
  }
  if (off.empty()) return 0;
  const auto quarter = off.begin() + static_cast<std::ptrdiff_t>(off.size() / 4);
  std::ranges::nth_element(off, quarter);
  return 2 * *quarter;
}

/// The candidates that what follows confirms. A stall of the network shows at the break only: what was held
/// up comes at once, then all is as before. After a break packets come at their pace.
class JumpFinder {
 public:
  JumpFinder(const SegmentClock::Samples& samples, const Origin& origin, double scatter)
      : samples_(samples),
        origin_(origin),
        points_(points_of(samples, origin)),
        least_(std::max(kLeastStep, 4 * scatter)) {
    late_ = samples.packets > 0 ? samples.excess_ns / static_cast<double>(samples.packets) : 0;
  }

  std::vector<Jump> find() const {
    std::vector<Jump> jumps;
    double start = -kInfinity;  // x where the level before begins
    double start_offset = kInfinity;
    const auto& breaks = samples_.breaks;
    for (std::size_t i = 0; i < breaks.size(); ++i) {
      const auto& found = breaks[i];
      const double x = x_of(samples_, found.rtp_time);
      const double later = after(i);
      const double moved = later - std::min(before(start, x), start_offset);
      if (!std::isfinite(moved) || moved * found.moved_ns < 0 || std::abs(moved) < least_) continue;
      if (found.moved_ns < 0 && !steady_before(start, found)) continue;
      if (ends_in_a_burst(found)) continue;
      // One packet at the very end paces nothing: it was late.
      if (found.rtp_time == samples_.last_rtp_time && !found.event && moved > 0 && moved < kMostLate)
        continue;
      // So few packets might all have been late.
      const double least = least_ + 8 * late_ / std::max(1U, found.packets);
      if (std::abs(moved) < kSurelyPaused && !found.event &&
          (found.packets < kFewestPackets || std::abs(moved) < least))
        continue;
      if (!jumps.empty() && !found.event && moved > 0 && jumps.back().moved > 0 &&
          x - jumps.back().settled < kOneStep) {
        jumps.back().moved += moved;
        jumps.back().settled = x;
      } else {
        jumps.push_back({&found, x, x_of(samples_, found.rtp_before),
                         static_cast<double>(found.receive_ms - origin_.receive_ms) * 1e6, moved, x});
      }
      start = x;
      start_offset = offset_of(found.since_ns);
    }
    return jumps;
  }

 private:
  [[nodiscard]] double offset_of(double transit) const {
    return transit - static_cast<double>(origin_.receive_ms) * 1e6 +
           static_cast<double>(samples_.first_rtp_time) * samples_.ns_per_tick;
  }

  double before(double start, double x) const {
    double least = kInfinity;
    for (auto p = std::ranges::lower_bound(points_, x, {}, &Point::x); p != points_.begin();) {
      --p;
      if (p->x < start || (p->x < x - kWindow && std::isfinite(least))) break;
      least = std::min(least, p->offset);
    }
    return least;
  }

  /// The segment ends while the network hands out what it had held up: much faster than it plays.
  bool ends_in_a_burst(const SegmentClock::Samples::Break& found) const {
    if (samples_.last_receive_ms - found.receive_ms >= kPacedMs) return false;
    const double played = static_cast<double>(samples_.last_rtp_time - found.rtp_time) * samples_.ns_per_tick;
    return played > 0 && found.first_ns - found.since_ns > played / 2;
  }

  /// A few late packets before a leap were just late: the sender left out what it could not send in time.
  bool steady_before(double start, const SegmentClock::Samples::Break& found) const {
    const double since = static_cast<double>(found.receive_ms - kShortestMs - origin_.receive_ms) * 1e6;
    const auto first = std::ranges::lower_bound(points_, start, {}, &Point::x);
    return first != points_.end() && first->receive <= since;
  }

  /// Up to the next leap: the clock itself goes back there, not the network.
  double after(std::size_t index) const {
    const auto& breaks = samples_.breaks;
    const auto& found = breaks[index];
    double end = kInfinity;
    for (std::size_t i = index + 1; i < breaks.size() && !std::isfinite(end); ++i)
      if (breaks[i].moved_ns < 0 && breaks[i].receive_ms - found.receive_ms >= kShortestMs)
        end = x_of(samples_, breaks[i].rtp_time);
    double least = offset_of(found.since_ns);
    const double x = x_of(samples_, found.rtp_time);
    const double until = static_cast<double>(found.receive_ms - origin_.receive_ms) * 1e6 + kStallWindow;
    for (auto p = std::ranges::lower_bound(points_, x, {}, &Point::x); p != points_.end() && p->x < end;
         ++p) {
      if (p->receive > until && std::isfinite(least)) break;
      least = std::min(least, p->offset);
    }
    return least;
  }

  const SegmentClock::Samples& samples_;
  const Origin& origin_;
  std::vector<Point> points_;
  double least_, late_ = 0;
};

/// Breaks part the earliest arrivals into stretches too short to be early: whole seconds again, except at
/// jumps.
std::vector<Knot> by_second(const std::vector<Knot>& arrivals, const std::vector<Jump>& jumps) {
  std::vector<Knot> seconds;
  auto jump = jumps.begin();
  double end = -kInfinity;
  for (const Knot& p : arrivals) {
    const bool cut = jump != jumps.end() && p.x >= jump->x;
    while (jump != jumps.end() && p.x >= jump->x) ++jump;
    if (cut || p.x >= end) {
      seconds.push_back(p);
      end = p.x + 0.6e9;
    } else if (p.offset < seconds.back().offset) {
      seconds.back() = p;
    }
  }
  return seconds;
}

/// One line for all, its slope found with jumps and steps taken out. Drift and steps look alike from afar:
/// the line is sought from no drift on and from the drift that would explain all, and the better one taken.
Line fit_between_changes(std::vector<Knot> points, const std::vector<Jump>& jumps) {
  double moved = 0;
  auto jump = jumps.begin();
  for (Knot& p : points) {
    for (; jump != jumps.end() && p.x >= jump->x; ++jump) moved += jump->moved;
    p.offset -= moved;
  }
  Line best;
  double least = kInfinity;
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

/// The levels of one run between jumps: lasting steps that no silence announces part it further.
void add_levels(Arrivals& arrivals, ArrivalLevel first, std::vector<Knot>::const_iterator begin,
                std::vector<Knot>::const_iterator end) {
  std::vector<Knot> above;
  for (auto p = begin; p != end; ++p) above.push_back({p->x, p->offset - arrivals.line.at(p->x)});
  std::vector<double> steps = find_steps(above);
  steps.push_back(kInfinity);
  auto point = above.begin();
  ArrivalLevel level = first;
  for (const double step : steps) {
    std::vector<double> offsets;
    for (; point != above.end() && point->x < step; ++point) offsets.push_back(point->offset);
    level.above = low_quantile(std::move(offsets));
    arrivals.levels.push_back(level);
    if (point == above.end()) break;
    const double receive = point->x + arrivals.line.at(point->x) + point->offset;
    level = {.x = point->x, .x_before = point->x, .receive = receive, .placed = false};
  }
}

/// A short stretch in which no packet came soon lies no later than the one after it, whose clock only stood
/// still.
void lower_short_levels(std::vector<ArrivalLevel>& levels) {
  constexpr double kShort = 2e9;
  for (std::size_t i = levels.size() - 1; i > 1; --i) {
    ArrivalLevel& level = levels[i - 1];
    if (levels[i].x - level.x < kShort && !levels[i].leap && levels[i].above < level.above &&
        level.above > levels[i - 2].above)
      level.above = std::max(levels[i].above, levels[i - 2].above);
  }
}

}  // namespace

double x_of(const SegmentClock::Samples& samples, std::int64_t rtp_time) {
  return static_cast<double>(rtp_time - samples.first_rtp_time) * samples.ns_per_tick;
}

std::vector<Knot> earliest_arrivals(const SegmentClock::Samples& samples, const Origin& origin) {
  std::vector<Knot> knots;
  for (const Point& p : points_of(samples, origin)) knots.push_back({p.x, p.offset});
  return knots;
}

double earliest(const std::vector<Knot>& points, double from, double to) {
  std::vector<double> offsets;
  for (auto at = std::ranges::lower_bound(points, from, {}, &Knot::x); at != points.end() && at->x <= to;
       ++at)
    offsets.push_back(at->offset);
  return offsets.empty() ? std::numeric_limits<double>::quiet_NaN() : low_quantile(std::move(offsets));
}

std::size_t Arrivals::level_at(double receive) const {
  const auto next = std::ranges::upper_bound(levels, receive, {}, &ArrivalLevel::receive);
  return next == levels.begin() ? 0 : static_cast<std::size_t>(next - levels.begin()) - 1;
}

std::size_t Arrivals::level_of(double x) const {
  const auto next = std::ranges::upper_bound(levels, x, {}, &ArrivalLevel::x);
  return next == levels.begin() ? 0 : static_cast<std::size_t>(next - levels.begin()) - 1;
}

Arrivals read_arrivals(const SegmentClock::Samples& samples, const Origin& origin) {
  Arrivals arrivals;
  const double first_receive = static_cast<double>(samples.first_receive_ms - origin.receive_ms) * 1e6;
  if (samples.empty() || samples.timeless()) {
    arrivals.levels.push_back({.receive = first_receive, .above = first_receive});
    return arrivals;
  }
  std::vector<Knot> points = earliest_arrivals(samples, origin);
  arrivals.scatter = scatter_of(samples, by_second(points, {}));
  const std::vector<Jump> jumps = JumpFinder(samples, origin, arrivals.scatter).find();
  for (const Jump& jump : jumps)
    if (jump.settled > jump.x)
      std::erase_if(points, [&](const Knot& p) { return p.x >= jump.x && p.x < jump.settled; });
  std::vector<Knot> seconds = by_second(points, jumps);
  arrivals.scatter = scatter_of(samples, seconds);
  arrivals.line = fit_between_changes(seconds, jumps);
  auto point = seconds.cbegin();
  for (std::size_t run = 0; run <= jumps.size(); ++run) {
    const auto begin = point;
    while (point != seconds.cend() && (run == jumps.size() || point->x < jumps[run].x)) ++point;
    ArrivalLevel first{.receive = first_receive};
    if (run > 0) {
      const Jump& jump = jumps[run - 1];
      first = {.x = jump.x,
               .x_before = jump.x_before,
               .receive = jump.receive,
               .event = jump.found->event,
               .leap = jump.found->moved_ns < 0};
    }
    add_levels(arrivals, first, begin, point);
  }
  lower_short_levels(arrivals.levels);
  arrivals.seconds = std::move(seconds);
  return arrivals;
}

}  // namespace rtpx::timeline
