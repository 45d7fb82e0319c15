#include "timeline/curve.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "timeline/bounds.hpp"

namespace rtpx::timeline {
namespace {

constexpr double kCatchUp = 0.05;
constexpr double kSteepest = 0.5;   // fall of a curve where packets lie: they play at twice their speed
constexpr double kLeastTime = 1e3;  // ns that go by where RTP time leaps
constexpr double kSampleCountTolerance = 20e6;  // ns

double quantile(std::vector<double>& values, double which) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(which * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

/// Least squares, the slope leaning to zero.
Line fit(const std::vector<Knot>& points) {
  Line line;
  for (const Knot& p : points) {
    line.mid += p.x;
    line.offset += p.offset;
  }
  const auto count = static_cast<double>(points.size());
  line.mid /= count;
  line.offset /= count;
  double xx = std::pow(kExpectedNoise / kExpectedSlope, 2);
  double xy = 0;
  for (const Knot& p : points) {
    xx += (p.x - line.mid) * (p.x - line.mid);
    xy += (p.x - line.mid) * (p.offset - line.offset);
  }
  line.slope = std::clamp(xy / xx, -kMaxSlope, kMaxSlope);
  return line;
}

}  // namespace

double low_quantile(std::vector<double> values) {
  return quantile(values, 0.1);
}
double median(std::vector<double> values) {
  return quantile(values, 0.5);
}

double offset_at(const Curve& curve, double x) {
  if (curve.empty()) return 0;
  const auto next = std::ranges::upper_bound(curve, x, {}, &Knot::x);
  if (next == curve.begin()) return curve.front().offset;
  if (next == curve.end()) return curve.back().offset;
  const Knot &a = *(next - 1), &b = *next;
  return a.offset + (b.offset - a.offset) * (x - a.x) / (b.x - a.x);
}

Line fit_lower_edge(const std::vector<Knot>& points) {
  if (points.empty()) return {};
  std::vector<Knot> kept = points;
  Line line = fit(kept);
  for (int round = 0; round < 6 && points.size() > 4; ++round) {
    std::vector<double> above;
    for (const Knot& p : points) above.push_back(p.offset - line.at(p.x));
    const double limit = quantile(above, 0.6);
    kept.clear();
    for (const Knot& p : points)
      if (p.offset - line.at(p.x) <= limit) kept.push_back(p);
    line = fit(kept);
  }
  std::vector<double> above;
  for (const Knot& p : points) above.push_back(p.offset - line.at(p.x));
  line.offset += quantile(above, 0.1);
  double squares = 0;
  for (const Knot& p : kept) squares += std::pow(p.offset - line.at(p.x), 2);
  line.residual = std::sqrt(squares / static_cast<double>(kept.size()));
  return line;
}

void catch_up(Curve& curve, std::size_t from, double x, double offset) {
  const auto line = [&](double at) { return offset - kCatchUp * (at - x); };
  std::optional<Knot> below;  // the last knot raised, where it was
  for (std::size_t i = from; i < curve.size(); ++i) {
    Knot& knot = curve[i];
    if (knot.offset < line(knot.x)) {
      below = knot;
      knot.offset = line(knot.x);
      continue;
    }
    if (below && knot.x > below->x) {  // the old course comes through the line between the two
      const double rise = (knot.offset - below->offset) / (knot.x - below->x);
      const double cross = below->x + (line(below->x) - below->offset) / (rise + kCatchUp);
      curve.insert(curve.begin() + static_cast<std::ptrdiff_t>(i), {cross, line(cross)});
    }
    return;
  }
}

void make_increasing(Curve& curve, const std::vector<double>& leaps) {
  for (std::size_t i = 1; i < curve.size(); ++i) {
    const Knot before = curve[i - 1];
    if (curve[i].x < before.x) curve[i].x = before.x;
    const double width = curve[i].x - before.x;
    const bool leaps_here = std::ranges::any_of(leaps, [&](double x) { return x >= before.x && x < curve[i].x; });
    const double most = leaps_here && width > kLeastTime ? width - kLeastTime : kSteepest * width;
    if (curve[i].offset < before.offset - most) catch_up(curve, i, before.x, before.offset);
  }
}

void keep_sample_count(Curve& curve) {
  for (std::size_t begin = 0; begin < curve.size();) {
    std::size_t end = begin + 1;
    double low = curve[begin].offset, high = low, area = 0, width = 0;
    for (; end < curve.size() && curve[end].x > curve[end - 1].x; ++end) {
      low = std::min(low, curve[end].offset);
      high = std::max(high, curve[end].offset);
      const double step = curve[end].x - curve[end - 1].x;
      area += step * (curve[end].offset + curve[end - 1].offset) / 2;
      width += step;
    }
    if (high - low <= kSampleCountTolerance && width > 0)
      for (std::size_t i = begin; i < end; ++i) curve[i].offset = area / width;
    begin = end;
  }
}

}  // namespace rtpx::timeline
