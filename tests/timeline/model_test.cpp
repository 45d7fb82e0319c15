// Two thousand calls of combined trouble against their truth: no time is off, and each step of the timeline
// is told.
#include <gtest/gtest.h>

#include "model.hpp"

namespace rtpx {
namespace {

using test::ModelCall;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

struct Worst {
  double ms = 0, at = 0;
  bool audio = false;
};

/// How far the farthest packet lies from when it was sent; zero is where most pictures are.
Worst worst_of(const ModelCall& call, const Timeline& timeline) {
  std::vector<double> pictures;
  const auto off = [&](const ModelCall::Packet& p) {
    return static_cast<double>(timeline.maps[p.segment].time_ns(p.rtp)) / 1e6 - p.sent * 1e3;
  };
  for (const auto& p : call.packets())
    if (!p.audio) pictures.push_back(off(p));
  const double zero = median(std::move(pictures));
  Worst worst;
  for (const auto& p : call.packets()) {
    // A segment of which no reports came, or too few that make sense, is placed by its arrivals.
    const bool reported = timeline.maps[p.segment].source == ClockSource::sender_reports;
    const double ms = (off(p) - zero) * (reported || !call.reported() ? 1 : 0.5);
    if (std::abs(ms) > std::abs(worst.ms)) worst = {ms, p.sent, p.audio};
  }
  return worst;
}

/// Steps of the map that its list does not tell.
int untold(const SegmentMap& map, double ns_per_tick) {
  int count = 0;
  for (std::size_t i = 1; i < map.pieces.size(); ++i) {
    const std::int64_t rtp = map.pieces[i].rtp_time;
    const double step = static_cast<double>(map.time_ns(rtp) - map.time_ns(rtp - 1)) - ns_per_tick;
    if (std::abs(step) < 2e6) continue;
    const bool told = std::ranges::any_of(map.steps, [&](const SegmentMap::Step& s) {
      return std::abs(static_cast<double>(s.rtp_time - rtp)) < 2 &&
             std::abs(static_cast<double>(s.duration_ns) - step) < 2e6;
    });
    if (!told) ++count;
  }
  return count;
}

void try_seeds(unsigned from, unsigned to, const ModelCall::Options& options, double most_ms) {
  unsigned failed = 0;
  for (unsigned seed = from; seed < to; ++seed) {
    const ModelCall call(seed, options);
    const Timeline timeline = place_segments(call.inputs());
    const Worst worst = worst_of(call, timeline);
    int hidden = 0;
    for (std::size_t i = 0; i < timeline.maps.size(); ++i)
      hidden += untold(timeline.maps[i], 1e9 / call.inputs()[i].clock_rate);
    if (std::abs(worst.ms) <= most_ms && hidden == 0) continue;
    ++failed;
    ADD_FAILURE() << "seed " << seed << ": " << worst.ms << " ms off at " << worst.at << " s of "
                  << (worst.audio ? "sound" : "picture") << ", " << hidden << " steps untold";
  }
  if (failed > 0) std::printf("%u of %u seeds\n", failed, to - from);
}

TEST(ModelCalls, WithReportsNoTimeIsOffBy20Ms) {
  try_seeds(0, 1000, {}, 20);
}

TEST(ModelCalls, WithoutReportsNoTimeIsOffBy40Ms) {
  try_seeds(10000, 11000, {.reports = false}, 40);
}

}  // namespace
}  // namespace rtpx
