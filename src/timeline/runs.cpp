#include "timeline/runs.hpp"

#include <algorithm>
#include <cmath>

#include "timeline/bounds.hpp"

namespace rtpx::timeline {
namespace {

void add_run(Curve& curve, const Run& run, double from, double to) {
  curve.push_back({from, run.at(from)});
  for (const Knot& bend : run.bends)
    if (bend.x > from && bend.x < to) curve.push_back(bend);
  curve.push_back({std::max(from, to), run.at(std::max(from, to))});
}

}  // namespace

double Run::at(double at_x) const {
  if (bends.empty()) return line.at(at_x);
  if (at_x < bends.front().x) return bends.front().offset + line.slope * (at_x - bends.front().x);
  if (at_x > bends.back().x) return bends.back().offset + line.slope * (at_x - bends.back().x);
  return offset_at(bends, at_x);
}

std::vector<double> leaps_of(const std::vector<CurveStep>& steps) {
  std::vector<double> leaps;
  for (const CurveStep& step : steps)
    if (step.moved < 0 && !step.slides) leaps.push_back(step.x);
  return leaps;
}

SteppedCurve join(const std::vector<Run>& runs, double end, double most_slid) {
  SteppedCurve joined;
  double from = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (i + 1 == runs.size()) {
      add_run(joined.curve, runs[i], from, std::max(from, end));
      break;
    }
    const Run& next = runs[i + 1];
    const double moved = next.at(next.x) - runs[i].at(next.x);
    const bool leaps = moved < 0 && next.placed && next.x > next.x_before;
    const bool slides = !leaps && (!next.placed || std::abs(moved) <= most_slid);
    double to = next.x_before, next_from = next.x_before;
    if (slides) {
      // As long before the step as behind it, so that half of it is the greatest error on the way.
      const double next_end = i + 2 < runs.size() ? runs[i + 2].x_before : end;
      const double shortest = std::abs(moved) / kGreatSlide / 2, longest = std::abs(moved) / kSlide / 2;
      const double room = std::min(next.x - from, next_end - next.x);
      const double half = std::abs(moved) > kGreatStep ? shortest : std::clamp(room, shortest, longest);
      to = next.x - half;
      next_from = std::min(next.x + half, std::max(next.x, next_end));
    } else if (leaps) {
      next_from = next.x;  // time hardly went on between the two packets, however much RTP time did
    } else {
      to = next_from =
          std::min(next.x, next.x_before + 1e3);  // what was sent late belongs behind the silence
    }
    add_run(joined.curve, runs[i], from, std::max(from, to));
    from = std::max(from, next_from);
    if (std::abs(moved) > 1e6)
      joined.steps.push_back(
          {slides ? next.x : std::min(next.x, next.x_before + 1e3), moved, next.source, slides});
  }
  return joined;
}

}  // namespace rtpx::timeline
