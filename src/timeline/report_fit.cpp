#include <algorithm>
#include <cmath>

#include "timeline/bounds.hpp"
#include "timeline/clock_fit.hpp"
#include "timeline/report_chain.hpp"

namespace rtpx::timeline {
namespace {

using Report = SegmentClock::Samples::Report;

constexpr double kReportWindow = 20e9;
constexpr double kFarFromOthers = 1e9;
constexpr double kFarFromPackets = 30e9;
constexpr double kFarFromFirst = 5e9;

/// A run of reports without a step between them.
struct Level {
  std::vector<ReportPoint> points;
  std::vector<std::size_t> steps;  // beginnings of arrivals' levels that part it from the one before
  bool unexplained = false;        // from the one before
  Line line;
};

/// One slope for all levels (they share a crystal), each with its own offset; outliers are left out.
double fit_levels(std::vector<Level>& levels, double& residual) {
  double slope = 0;
  double limit = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 3; ++round) {
    double xx = std::pow(kExpectedNoise / kExpectedSlope, 2), xy = 0;
    for (Level& level : levels) {
      double x = 0, offset = 0, count = 0;
      const auto kept = [&](const ReportPoint& p) {
        return round == 0 || std::abs(p.offset - level.line.at(p.x)) <= limit;
      };
      for (const ReportPoint& p : level.points)
        if (kept(p)) x += p.x, offset += p.offset, ++count;
      if (count == 0) continue;
      x /= count, offset /= count;
      for (const ReportPoint& p : level.points)
        if (kept(p)) xx += (p.x - x) * (p.x - x), xy += (p.x - x) * (p.offset - offset);
      level.line.mid = x;
      level.line.offset = offset;
    }
    slope = std::clamp(xy / xx, -kMaxSlope, kMaxSlope);
    std::vector<double> off;
    for (Level& level : levels) {
      level.line.slope = slope;
      for (const ReportPoint& p : level.points) off.push_back(std::abs(p.offset - level.line.at(p.x)));
    }
    limit = std::max(5e6, 4 * median(off));
    double squares = 0, count = 0;
    for (const double o : off)
      if (o <= limit) squares += o * o, ++count;
    residual = count > 0 ? std::sqrt(squares / count) : 0;
  }
  return slope;
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

std::vector<Level> levels_of(const std::vector<ChainedReport>& chain) {
  std::vector<Level> levels;
  for (const ChainedReport& report : chain) {
    if (levels.empty() || !report.steps.empty() || report.unexplained)
      levels.push_back({{}, report.steps, report.unexplained, {}});
    levels.back().points.push_back(report.point);
  }
  return levels;
}

/// Long levels bend with temperature: knots every few minutes where one line is not enough.
Curve bends_of(const Level& level, double from, double to) {
  constexpr double kSpan = 180e9;
  constexpr std::size_t kFewest = 8;
  if (to - from < 3 * kSpan) return {};
  Curve bends;
  double bent = 0;
  std::vector<double> off;
  double x = 0, window_end = from + kSpan;
  for (const ReportPoint& p : level.points) {
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
  if (bent <= 3e6 || bends.size() < 3) return {};
  return bends;
}

/// The clock of a segment from levels of reports, with the steps that arrivals show between them, before the
/// first and after the last.
class RunBuilder {
 public:
  RunBuilder(const SegmentClock::Samples& samples, const Arrivals& arrivals, StepSource source)
      : samples_(samples), arrivals_(arrivals), source_(source) {}

  std::vector<Run> build(const std::vector<Level>& levels) {
    before_first(levels.front());
    for (std::size_t i = 0; i < levels.size(); ++i) {
      if (i > 0) between(levels[i - 1], levels[i]);
      runs_.back().line = levels[i].line;
      level_runs_.push_back(runs_.size() - 1);
    }
    after_last(levels.back());
    const double end = x_of(samples_, samples_.last_rtp_time);
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const std::size_t at = level_runs_[i];
      runs_[at].bends = bends_of(levels[i], runs_[at].x, at + 1 < runs_.size() ? runs_[at + 1].x : end);
    }
    return std::move(runs_);
  }

 private:
  void begin_run(std::size_t level, const Line& line, StepSource source) {
    const ArrivalLevel& begins = arrivals_.levels[level];
    runs_.push_back({begins.x,
                     begins.x_before,
                     line,
                     {},
                     begins.placed,
                     begins.event && source == StepSource::arrival ? StepSource::event_duration : source});
  }

  void before_first(const Level& first) {
    const std::size_t known = first.points.front().level;
    double later = 0;  // how much the clock moves until the first report
    for (std::size_t level = 1; level <= known; ++level)
      if (!arrivals_.levels[level].network) later += arrivals_.moved(level);
    runs_.push_back({0, 0, first.line, {}, true, StepSource::arrival});
    runs_.back().line.offset -= later;
    for (std::size_t level = 1; level <= known; ++level) {
      if (arrivals_.levels[level].network) continue;
      Line line = runs_.back().line;
      line.offset += arrivals_.moved(level);
      begin_run(level, line, StepSource::arrival);
    }
  }

  void after_last(const Level& last) {
    for (std::size_t level = last.points.back().level + 1; level < arrivals_.levels.size(); ++level) {
      if (arrivals_.levels[level].network) continue;
      Line line = runs_.back().line;
      line.offset += arrivals_.moved(level);
      begin_run(level, line, StepSource::arrival);
    }
  }

  /// Reports tell how far the clock moved in all, arrivals tell where and in which parts.
  void between(const Level& before, const Level& after) {
    if (after.steps.empty()) {
      unexplained(before, after);
      return;
    }
    double sum = 0, sizes = 0;
    for (const std::size_t level : after.steps) {
      sum += arrivals_.moved(level);
      sizes += std::abs(arrivals_.moved(level));
    }
    const double x = arrivals_.levels[after.steps.back()].x;
    const double correction = after.line.at(x) - before.line.at(x) - sum;
    for (const std::size_t level : after.steps) {
      Line line = runs_.back().line;
      line.offset +=
          arrivals_.moved(level) + correction * std::abs(arrivals_.moved(level)) / std::max(sizes, 1.0);
      begin_run(level, line, source_);
    }
  }

  void unexplained(const Level& before, const Level& after) {
    const double from = std::max(before.points.back().x, runs_.back().x);
    const double to = std::max(from, after.points.front().x);
    const double moved = after.line.at(to) - before.line.at(to);
    const double low =
        earliest(arrivals_.seconds, std::max(before.points.front().x - 5e9, from - kReportWindow), from);
    const double high = earliest(arrivals_.seconds, to, to + kReportWindow);
    const bool seen =
        std::isfinite(low) && std::isfinite(high) && std::abs(high - low - moved) < std::abs(moved) / 2;
    const double x = seen && to > from ? best_split(arrivals_.seconds, from, to, low, high) : (from + to) / 2;
    runs_.push_back({x, x, after.line, {}, false, source_});
  }

  const SegmentClock::Samples& samples_;
  const Arrivals& arrivals_;
  StepSource source_;
  std::vector<Run> runs_;
  std::vector<std::size_t> level_runs_;  // which of the runs each level of reports is
};

/// Reports jump by much, arrivals do not: somebody set the sender's clock. That is taken out.
void take_out_set_clocks(std::vector<Level>& levels, const Arrivals& arrivals) {
  for (std::size_t i = 1; i < levels.size(); ++i) {
    if (!levels[i].unexplained) continue;
    const ReportPoint &last = levels[i - 1].points.back(), &first = levels[i].points.front();
    const double moved = first.offset - last.offset;
    if (std::abs(moved) <= kGreatStep) continue;
    const double low = earliest(
        arrivals.seconds, std::max(levels[i - 1].points.front().x - 5e9, last.x - kReportWindow), last.x);
    const double high = earliest(arrivals.seconds, first.x, first.x + kReportWindow);
    if (std::isfinite(low) && std::isfinite(high) && std::abs(high - low - moved) < std::abs(moved) / 2)
      continue;
    for (std::size_t j = i; j < levels.size(); ++j)
      for (ReportPoint& p : levels[j].points) p.offset -= moved;
  }
}

std::vector<ReportPoint> points_of(const SegmentClock::Samples& samples, const std::vector<Report>& reports,
                                   const Arrivals& arrivals, const Origin& origin) {
  const double turn = 4294967296.0 * samples.ns_per_tick;
  const double first = static_cast<double>(samples.first_receive_ms - origin.receive_ms) * 1e6;
  std::vector<ReportPoint> points;
  std::vector<double> late;  // how much later each came than packets of its RTP time
  for (const Report& report : reports) {
    double x = x_of(samples, report.rtp_time);
    const double receive = static_cast<double>(report.receive_ms - origin.receive_ms) * 1e6;
    const bool received = report.receive_ms != 0;
    if (received) x += turn * std::round((receive - first - x) / turn);  // the caller may be a turn off
    const std::size_t level = received ? arrivals.level_at(receive) : arrivals.level_of(x);
    double off = received ? receive - x - arrivals.line.at(x) - arrivals.levels[level].above : 0;
    if (samples.timeless()) off = 0;
    if (std::abs(off) > (received && receive < first ? kFarFromFirst : kFarFromPackets)) continue;
    points.push_back({x, static_cast<double>(report.ntp_ns - origin.ntp_ns) - x, level});
    late.push_back(off);
  }
  // One whose RTP time has nothing to do with its arrival is none.
  const double usual = median(late);
  std::vector<ReportPoint> kept;
  for (std::size_t i = 0; i < points.size(); ++i)
    if (std::abs(late[i] - usual) <= kFarFromOthers) kept.push_back(points[i]);
  return kept;
}

std::optional<ClockFit> fit(const SegmentClock::Samples& samples, const std::vector<Report>& reports,
                            const Arrivals& arrivals, const Origin& origin, StepSource source) {
  if (samples.empty() || reports.empty()) return std::nullopt;
  const auto chain = chain_reports(points_of(samples, reports, arrivals, origin), arrivals, reports.size());
  if (chain.empty()) return std::nullopt;
  std::vector<Level> levels = levels_of(chain);
  take_out_set_clocks(levels, arrivals);
  ClockFit out;
  out.slope = fit_levels(levels, out.residual);
  const auto runs = RunBuilder(samples, arrivals, source).build(levels);
  SteppedCurve joined = join(runs, x_of(samples, samples.last_rtp_time), kSlideByReports);
  out.curve = std::move(joined.curve);
  out.steps = std::move(joined.steps);
  return out;
}

}  // namespace

std::optional<ClockFit> fit_reports(const SegmentClock::Samples& samples, const Arrivals& arrivals,
                                    const Origin& origin) {
  return fit(samples, samples.reports, arrivals, origin, StepSource::sender_reports);
}

std::optional<ClockFit> fit_captures(const SegmentClock::Samples& samples, const Arrivals& arrivals,
                                     const Origin& origin) {
  return fit(samples, samples.captures, arrivals, origin, StepSource::capture_time);
}

}  // namespace rtpx::timeline
