#include "timeline/network_steps.hpp"

#include <algorithm>
#include <cmath>

namespace rtpx::timeline {
namespace {

constexpr double kMost = 600e6;  // what lasts and is longer is a pause of all tracks
constexpr std::size_t kMostSteps = 1000;
constexpr double kPlacedApart = 400e6;  // ns of arrival between the two, where silences show the moment
constexpr double kFoundApart = 3e9;     // where only levels do

bool alike(const Arrivals& a, std::size_t i, const Arrivals& b, std::size_t j) {
  const double one = a.moved(i), other = b.moved(j);
  const bool placed = a.levels[i].placed && b.levels[j].placed;
  return std::abs(a.levels[i].receive - b.levels[j].receive) <= (placed ? kPlacedApart : kFoundApart) &&
         std::abs(one - other) <= 25e6 + 0.15 * std::abs(one);
}

struct NetworkStep {
  const std::string* sender;
  double receive, moved;
};

/// Each once, whatever number of segments shows it.
std::vector<NetworkStep> steps_of(const std::vector<SentArrivals>& segments) {
  std::vector<NetworkStep> steps;
  for (const SentArrivals& segment : segments)
    for (std::size_t i = 1; i < segment.arrivals->levels.size(); ++i) {
      const ArrivalLevel& level = segment.arrivals->levels[i];
      const auto same = [&](const NetworkStep& step) {
        return *step.sender == *segment.sender && std::abs(step.receive - level.receive) <= kFoundApart;
      };
      if (level.network && steps.size() < kMostSteps && std::ranges::none_of(steps, same))
        steps.push_back({segment.sender, level.receive, segment.arrivals->moved(i)});
    }
  return steps;
}

void compare(Arrivals& a, Arrivals& b) {
  std::size_t first = 1;
  for (std::size_t i = 1; i < a.levels.size(); ++i) {
    if (std::abs(a.moved(i)) > kMost) continue;
    while (first < b.levels.size() && b.levels[first].receive < a.levels[i].receive - kFoundApart) ++first;
    for (std::size_t j = first;
         j < b.levels.size() && b.levels[j].receive <= a.levels[i].receive + kFoundApart; ++j)
      if (alike(a, i, b, j)) a.levels[i].network = b.levels[j].network = true;
  }
}

}  // namespace

void mark_network_steps(const std::vector<SentArrivals>& segments) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].arrivals->levels.size() < 2) continue;
    for (std::size_t j = i + 1; j < segments.size(); ++j) {
      const SentArrivals &a = segments[i], &b = segments[j];
      if (a.last_receive < b.first_receive || b.last_receive < a.first_receive) continue;
      if (*a.track == *b.track || *a.sender != *b.sender) continue;
      compare(*a.arrivals, *b.arrivals);
    }
  }
  for (const NetworkStep& step : steps_of(segments))
    for (const SentArrivals& segment : segments)
      if (*segment.sender == *step.sender && segment.first_receive > step.receive)
        segment.arrivals->network_before += step.moved;
}

}  // namespace rtpx::timeline
