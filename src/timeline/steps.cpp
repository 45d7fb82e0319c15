#include "timeline/steps.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rtpx::timeline {
namespace {

/// Adds the steps within [begin, end): the split that explains most, if it is one, then those on either side.
void add_steps(const std::vector<Knot>& points, std::size_t begin, std::size_t end, double noise,
               std::vector<double>& steps) {
  constexpr std::size_t kFewest = 3;
  constexpr std::size_t kMostSteps = 64;
  constexpr double kLasting = 2.9e9;
  if (end - begin < 2 * kFewest || steps.size() >= kMostSteps) return;
  const auto median_of = [&](std::size_t from, std::size_t to, auto&& value) {
    std::vector<double> values;
    for (std::size_t i = from; i < to; ++i) values.push_back(value(points[i].offset));
    return median(std::move(values));
  };
  const auto same = [](double offset) { return offset; };
  const double middle = median_of(begin, end, same);
  const auto tamed = [&](std::size_t i) { return std::clamp(points[i].offset - middle, -100e6, 100e6); };
  double total = 0, sum = 0, best = 0;
  for (std::size_t i = begin; i < end; ++i) total += tamed(i);
  std::size_t split = begin;
  for (std::size_t i = begin; i + kFewest < end; ++i) {
    sum += tamed(i);
    const auto left = static_cast<double>(i + 1 - begin), right = static_cast<double>(end - i - 1);
    const double gain =
        sum * sum / left + (total - sum) * (total - sum) / right;  // squares that the split explains
    if (i + 1 - begin >= kFewest && gain > best) best = gain, split = i + 1;
  }
  if (split == begin) return;
  const double low = median_of(begin, split, same), high = median_of(split, end, same);
  const double scatter = std::max(median_of(begin, split, [&](double o) { return std::abs(o - low); }),
                                  median_of(split, end, [&](double o) { return std::abs(o - high); }));
  const bool lasting =
      points[split].x - points[begin].x > kLasting && points[end - 1].x - points[split].x > kLasting - 1e9;
  if (!lasting || std::abs(high - low) < std::max({15e6, 5 * scatter, 6 * noise})) return;
  add_steps(points, begin, split, noise, steps);
  steps.push_back(points[split].x);
  add_steps(points, split, end, noise, steps);
}

}  // namespace

std::vector<double> find_steps(const std::vector<Knot>& points) {
  std::vector<double> off, steps;
  for (std::size_t i = 1; i < points.size(); ++i)
    off.push_back(std::abs(points[i].offset - points[i - 1].offset));
  add_steps(points, 0, points.size(), median(std::move(off)), steps);
  return steps;
}

std::vector<Knot> without_steps(std::vector<Knot> points, const Line& line) {
  std::vector<Knot> above = points;
  for (Knot& p : above) p.offset -= line.at(p.x);
  std::vector<double> steps = find_steps(above);
  steps.push_back(std::numeric_limits<double>::infinity());
  std::size_t begin = 0;
  double first = 0;
  for (const double step : steps) {
    std::size_t end = begin;
    std::vector<double> level;
    while (end < above.size() && above[end].x < step) level.push_back(above[end++].offset);
    const double lift = median(std::move(level));
    if (begin == 0) first = lift;
    for (; begin < end; ++begin) points[begin].offset -= lift - first;
  }
  return points;
}

}  // namespace rtpx::timeline
