#pragma once

#include <vector>

#include "timeline/curve.hpp"

namespace rtpx::timeline {

/// Where points change their level for good: what a network that got slower, or a sound card that dropped
/// some samples, does. The levels differ by 15 ms at least and last for 3 s. The x of each level's first
/// point, in order.
[[nodiscard]] std::vector<double> find_steps(const std::vector<Knot>& points);

/// The points with their steps taken out, as seen against `line`.
[[nodiscard]] std::vector<Knot> without_steps(std::vector<Knot> points, const Line& line);

}  // namespace rtpx::timeline
