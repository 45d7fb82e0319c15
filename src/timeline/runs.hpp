#pragma once

#include <vector>

#include "timeline/curve.hpp"
#include "timeline/timeline.hpp"

namespace rtpx::timeline {

/// A stretch of a segment's clock without a step.
struct Run {
  double x = 0;         ///< RTP time where it begins
  double x_before = 0;  ///< of the last packet before it
  Line line;
  Curve bends;                              ///< instead of the line, where one line is not enough
  bool placed = true;                       ///< a silence shows where it begins
  StepSource source = StepSource::arrival;  ///< who tells of the step before it

  [[nodiscard]] double at(double at_x) const;
};

/// A step of a curve: from here on time lies `moved` later against RTP time.
struct CurveStep {
  double x = 0, moved = 0;
  StepSource source = StepSource::arrival;
  bool slides = false;
};

/// Where RTP time leapt ahead.
[[nodiscard]] std::vector<double> leaps_of(const std::vector<CurveStep>& steps);

struct SteppedCurve {
  Curve curve;
  std::vector<CurveStep> steps;
};

/// Puts runs together: cuts where the sender was silent and the step is greater than `most_slid`, slides
/// elsewhere. `end`: the segment's last x.
[[nodiscard]] SteppedCurve join(const std::vector<Run>& runs, double end, double most_slid);

}  // namespace rtpx::timeline
