#pragma once

#include <vector>

namespace rtpx::timeline {

/// A point of a Curve. Both in ns.
struct Knot {
  double x = 0;       ///< RTP time since the segment's first packet
  double offset = 0;  ///< clock time minus x
};

/// Clock time of a segment's RTP times: x + offset, the offset linear between knots, flat before the first
/// and after the last. Two knots at one x are a cut: time jumps there.
using Curve = std::vector<Knot>;

[[nodiscard]] double offset_at(const Curve& curve, double x);

/// A line of clock offset against x, fitted to samples.
struct Line {
  double mid = 0;  ///< the x that `offset` is for
  double offset = 0;
  double slope = 0;     ///< ns per ns: 1e-6 is 1 ppm
  double residual = 0;  ///< root mean square of the samples that the fit kept
  [[nodiscard]] double at(double x) const { return offset + slope * (x - mid); }
};

/// The lower edge of `points` (x, offset), which lie above it by delays of any kind. The slope leans to zero
/// where the points are too few to know it.
[[nodiscard]] Line fit_lower_edge(const std::vector<Knot>& points);

/// A low quantile of the values: an earliest arrival that one freak cannot move. Zero when there are none.
[[nodiscard]] double low_quantile(std::vector<double> values);
[[nodiscard]] double median(std::vector<double> values);

/// Raises the curve from knot `from` on to a line that starts at (x, offset) and falls by 5 % (time catches
/// up unnoticed), until the curve lies above it by itself.
void catch_up(Curve& curve, std::size_t from, double x, double offset);

/// Makes time (x + offset) strictly increasing: cuts that lead back in time are bent by catch_up. `leaps`: where RTP time
/// leapt ahead to the next knot, without a packet between.
void make_increasing(Curve& curve, const std::vector<double>& leaps);

/// Where the offset stays within 20 ms between two cuts, one offset for all: sound keeps its own sample
/// count.
void keep_sample_count(Curve& curve);

}  // namespace rtpx::timeline
