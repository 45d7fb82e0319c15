#include "timeline/line_rate.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace rtpx::timeline {
namespace {

using Samples = SegmentClock::Samples;

constexpr double kMostOff = 4;           // times as fast or as slow
constexpr double kCrystalsOff = 1.5e-3;  // no crystal is
constexpr double kArrivalsAgree = 0.03;  // with reports
constexpr double kFewestReports = 3, kFewestSeconds = 8;
constexpr double kLeastSpanNs = 8e9;
constexpr double kLeastDriftNs = 200e6;  // that arrivals have to show: a network that fills up is not so even for long
constexpr double kReportsOffNs = 5e6, kArrivalsOffNs = 8e6, kMostArrivalOffNs = 100e6;
constexpr double kHalvesAgree = 0.002;
constexpr double kSurelyABreakNs = 18e6;

struct RatePoint {
  double ticks, ns;
};

struct FittedRate {
  double ns_per_tick = 0, usual_off = 0, greatest_off = 0;  // ns; usual: of nine tenths
};

std::optional<FittedRate> rate_through(const std::vector<RatePoint>& points, std::size_t begin, std::size_t end) {
  if (end - begin < 2) return std::nullopt;
  const auto count = static_cast<double>(end - begin);
  double ticks = 0, ns = 0, xx = 0, xy = 0;
  for (std::size_t i = begin; i < end; ++i) ticks += points[i].ticks / count, ns += points[i].ns / count;
  for (std::size_t i = begin; i < end; ++i) {
    xx += (points[i].ticks - ticks) * (points[i].ticks - ticks);
    xy += (points[i].ticks - ticks) * (points[i].ns - ns);
  }
  if (!(xx > 0) || !(xy > 0)) return std::nullopt;
  FittedRate fitted{.ns_per_tick = xy / xx};
  std::vector<double> off;
  for (std::size_t i = begin; i < end; ++i)
    off.push_back(std::abs(points[i].ns - ns - fitted.ns_per_tick * (points[i].ticks - ticks)));
  std::ranges::sort(off);
  fitted.usual_off = off[(off.size() - 1) * 9 / 10];
  fitted.greatest_off = off.back();
  return fitted;
}

double rate_span_ns(const std::vector<RatePoint>& points) {
  return points.empty() ? 0 : points.back().ns - points.front().ns;
}

std::optional<double> rate_by_reports(const Samples& samples, double arrivals_rate) {
  std::vector<RatePoint> points;
  for (const Samples::Report& report : samples.reports)
    points.push_back({static_cast<double>(report.rtp_time - samples.first_rtp_time),
                      static_cast<double>(report.ntp_ns - samples.reports.front().ntp_ns)});
  if (static_cast<double>(points.size()) < kFewestReports || rate_span_ns(points) < kLeastSpanNs) return std::nullopt;
  const auto line = rate_through(points, 0, points.size());
  if (!line || line->greatest_off > kReportsOffNs) return std::nullopt;
  if (std::abs(line->ns_per_tick / arrivals_rate - 1) > kArrivalsAgree) return std::nullopt;
  return line->ns_per_tick;
}

std::vector<RatePoint> rate_points(const Samples& samples) {
  std::vector<RatePoint> points;
  for (const Samples::Earliest& one : samples.earliest)
    points.push_back({static_cast<double>(one.rtp_time - samples.first_rtp_time),
                      static_cast<double>(one.receive_ms - samples.first_receive_ms) * 1e6});
  return points;
}

std::optional<double> rate_by_arrivals(const std::vector<RatePoint>& points, double ns_per_tick) {
  if (static_cast<double>(points.size()) < kFewestSeconds || rate_span_ns(points) < kLeastSpanNs) return std::nullopt;
  const auto line = rate_through(points, 0, points.size());
  const auto first = rate_through(points, 0, points.size() / 2);
  const auto second = rate_through(points, points.size() / 2, points.size());
  if (!line || !first || !second) return std::nullopt;
  if (line->usual_off > kArrivalsOffNs || line->greatest_off > kMostArrivalOffNs) return std::nullopt;
  if (std::abs(first->ns_per_tick / second->ns_per_tick - 1) > kHalvesAgree) return std::nullopt;
  if (std::abs(line->ns_per_tick / ns_per_tick - 1) * rate_span_ns(points) < kLeastDriftNs) return std::nullopt;
  return line->ns_per_tick;
}

}  // namespace

std::unique_ptr<Samples> with_line_rate(const Samples& samples) {
  if (samples.empty() || samples.timeless()) return nullptr;
  const std::vector<RatePoint> arrivals = rate_points(samples);
  const auto roughly = rate_through(arrivals, 0, arrivals.size());
  if (!roughly) return nullptr;
  auto found = rate_by_reports(samples, roughly->ns_per_tick);
  if (!found) found = rate_by_arrivals(arrivals, samples.ns_per_tick);
  if (!found) return nullptr;
  const double off = *found / samples.ns_per_tick;
  if (std::abs(off - 1) <= kCrystalsOff || off > kMostOff || off < 1 / kMostOff) return nullptr;
  auto out = std::make_unique<Samples>(samples);
  const double more = *found - samples.ns_per_tick;
  for (Samples::Break& one : out->breaks) {
    one.moved_ns -= static_cast<double>(one.rtp_time - one.rtp_before) * more;
    for (double* transit : {&one.before_ns, &one.first_ns, &one.since_ns})
      *transit -= static_cast<double>(one.rtp_time) * more;
  }
  std::erase_if(out->breaks, [](const Samples::Break& one) { return std::abs(one.moved_ns) < kSurelyABreakNs; });
  out->settled_breaks = std::min(out->settled_breaks, out->breaks.size());
  out->ns_per_tick = *found;
  out->line_rate = static_cast<std::uint32_t>(std::llround(1e9 / *found));
  return out;
}

}  // namespace rtpx::timeline
