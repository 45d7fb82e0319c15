#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "timeline/clock_fit.hpp"
#include "timeline/line_rate.hpp"
#include "timeline/network_steps.hpp"
#include "timeline/steps.hpp"
#include "timeline/timeline.hpp"

namespace rtpx {
namespace {

using namespace timeline;

/// One sender's NTP clock, or the arrival clock of a segment without one.
struct Placing {
  const SegmentInput* input = nullptr;
  const SegmentClock::Samples* samples = nullptr;
  std::unique_ptr<SegmentClock::Samples> rescaled;  // where `samples` are not the input's own
  Arrivals arrivals;
  ClockFit fit;
  ClockSource source = ClockSource::arrival;
  std::string clock;      // whose NTP clock the curve speaks of; empty: arrival
  double transit = 0;     // earliest arrivals minus NTP time, ns
  std::size_t order = 0;  // among the inputs
};

Origin origin_of(const std::vector<SegmentInput>& segments) {
  Origin origin;
  bool received = false;
  for (const SegmentInput& input : segments) {
    const auto& samples = input.clock->samples();
    for (const auto* list : {&samples.reports, &samples.captures})
      if (!list->empty() && origin.ntp_ns == 0) origin.ntp_ns = list->front().ntp_ns;
    if (samples.empty()) continue;
    if (!received || samples.first_receive_ms < origin.receive_ms)
      origin.receive_ms = samples.first_receive_ms;
    received = true;
  }
  return origin;
}

/// Arrival minus clock time of the earliest packets.
std::vector<Knot> transits(const Placing& placing, const Origin& origin) {
  std::vector<Knot> points = earliest_arrivals(*placing.samples, origin);
  for (Knot& p : points) {
    const double clock = offset_at(placing.fit.curve, p.x);
    p = {p.x + clock, p.offset - clock};
  }
  return points;
}

double transit_of(const Placing& placing, const Origin& origin) {
  std::vector<double> offsets;
  for (const Knot& p : transits(placing, origin)) offsets.push_back(p.offset);
  return low_quantile(std::move(offsets));
}

void fit_segment(Placing& placing, const Origin& origin) {
  const SegmentInput& input = *placing.input;
  const std::string clock = input.cname.empty() ? "stream " + input.stream : "cname " + input.cname;
  if (auto fit = fit_reports(*placing.samples, placing.arrivals, origin)) {
    placing.fit = std::move(*fit);
    placing.source = ClockSource::sender_reports;
    placing.clock = clock;
  } else if (auto captured = fit_captures(*placing.samples, placing.arrivals, origin)) {
    placing.fit = std::move(*captured);
    placing.source = ClockSource::capture_time;
    placing.clock = clock;
  } else {
    placing.fit = fit_arrivals(*placing.samples, placing.arrivals);
  }
  placing.transit = transit_of(placing, origin);
}

void find_network_steps(std::vector<Placing>& placings, const Origin& origin) {
  std::vector<SentArrivals> segments;
  const auto since_origin = [&](std::int64_t ms) {
    return static_cast<double>(ms - origin.receive_ms) * 1e6;
  };
  for (Placing& p : placings)
    if (!p.samples->empty())
      segments.push_back({&p.arrivals, since_origin(p.samples->first_receive_ms),
                          since_origin(p.samples->last_receive_ms), &p.input->stream, &p.input->track});
  mark_network_steps(segments);
}

/// Reports without a CNAME (its SDES was lost) are of the same sender as others of the stream that tell about
/// the same time.
void join_nameless_clocks(std::vector<Placing>& placings) {
  constexpr double kNear = 5e9;
  for (Placing& nameless : placings) {
    if (nameless.clock.empty() || !nameless.input->cname.empty()) continue;
    const auto other = std::ranges::find_if(placings, [&](const Placing& p) {
      return !p.clock.empty() && !p.input->cname.empty() && p.input->stream == nameless.input->stream &&
             std::abs(p.transit - nameless.transit) < kNear;
    });
    if (other != placings.end()) nameless.clock = other->clock;
  }
}

/// A segment that claims a clock on which it would lie ten seconds and more beside the others has one of its
/// own.
void part_false_clocks(std::vector<Placing>& placings) {
  constexpr double kApart = 10e9;
  std::map<std::string, std::vector<double>> by_clock;
  for (const Placing& p : placings)
    if (!p.clock.empty()) by_clock[p.clock].push_back(p.transit);
  for (std::size_t i = 0; i < placings.size(); ++i) {
    Placing& p = placings[i];
    if (p.clock.empty() || std::abs(p.transit - median(by_clock[p.clock])) <= kApart) continue;
    if (p.samples->reports.size() > 1) {
      p.clock += " " + std::to_string(i);
      continue;
    }
    p.fit = fit_arrivals(*p.samples, p.arrivals);  // its only report is false
    p.source = ClockSource::arrival;
    p.clock.clear();
  }
}

/// How a sender's clock lies on the receiver's: the least transit of its segments, and its drift.
struct ClockPlace {
  Line transit;
  std::size_t buckets = 0;
};

/// A network that gets slower at once is no drift.
Line fit_without_steps(const std::vector<Knot>& points) {
  Line line;
  for (int round = 0; round < 2; ++round) line = fit_lower_edge(without_steps(points, line));
  return line;
}

std::map<std::string, ClockPlace> place_clocks(const std::vector<Placing>& placings, const Origin& origin) {
  std::map<std::string, ClockPlace> clocks;
  bool alone = true;
  for (const Placing& p : placings) {
    if (p.clock != placings.front().clock || p.clock.empty()) alone = false;
    if (p.clock.empty()) continue;
    ClockPlace& place = clocks[p.clock];
    if (p.samples->earliest.size() <= place.buckets) continue;
    place.buckets = p.samples->earliest.size();
    place.transit = fit_without_steps(transits(p, origin));
  }
  for (auto& [name, place] : clocks) {
    // Only one clock: its own second is as good as ours, and nothing needs to be stretched.
    if (alone) place.transit.slope = 0;
    double least = std::numeric_limits<double>::infinity();
    for (const Placing& p : placings) {
      if (p.clock != name) continue;
      std::vector<double> above;
      for (const Knot& k : transits(p, origin)) above.push_back(k.offset - place.transit.at(k.x));
      if (!above.empty()) least = std::min(least, low_quantile(above));
    }
    if (std::isfinite(least)) place.transit.offset += least;
  }
  return clocks;
}

/// From the segment's own clock to receive time since the origin.
void to_receive_time(std::vector<Placing>& placings, const Origin& origin) {
  const auto clocks = place_clocks(placings, origin);
  // How much later than its sender's quickest packets a track comes: a segment of the track without a clock
  // does so too.
  std::map<std::string, double> lateness;
  for (Placing& p : placings) {
    if (p.clock.empty()) continue;
    const Line& transit = clocks.at(p.clock).transit;
    std::vector<double> above;
    for (const Knot& k : transits(p, origin)) above.push_back(k.offset - transit.at(k.x));
    lateness.try_emplace(p.input->track, low_quantile(above) - p.arrivals.network_before);
    for (Knot& knot : p.fit.curve) knot.offset += transit.at(knot.x + knot.offset);
    p.fit.slope += transit.slope;
  }
  for (Placing& p : placings)
    if (const auto late = lateness.find(p.input->track); p.clock.empty() && late != lateness.end())
      for (Knot& knot : p.fit.curve) knot.offset -= late->second;
}

/// Segments of one track follow each other as they came: one that would begin inside the one before catches
/// up.
void keep_track_order(std::vector<Placing*>& track) {
  std::ranges::sort(track, {},
                    [](const Placing* p) { return std::pair(p->samples->first_receive_ms, p->order); });
  const Placing* before = nullptr;
  double end = 0;
  for (Placing* p : track) {
    // Offsets count from the segment's own first packet, so x is 0 where it begins.
    const double start = offset_at(p->fit.curve, 0);
    if (before != nullptr && start < end && p->samples->timeless()) {
      // Only its length is known, not its place: it begins one packet after the last.
      const auto ticks = std::max<std::int64_t>(p->samples->typical_ticks - 1, 0);
      const double step = static_cast<double>(ticks) * p->samples->ns_per_tick;
      for (Knot& knot : p->fit.curve) knot.offset += end - start + step;
    } else if (before != nullptr && start < end) {
      p->fit.curve.insert(p->fit.curve.begin(), {0, start});
      catch_up(p->fit.curve, 0, 0, end);
    }
    const double last = x_of(*p->samples, p->samples->last_rtp_time);
    end = last + offset_at(p->fit.curve, last) + p->samples->ns_per_tick;
    before = p;
  }
}

double finite(double value) {
  return std::isfinite(value) ? std::clamp(value, -4e18, 4e18) : 0;
}

std::vector<SegmentMap::Step> steps_of(const Placing& placing) {
  std::vector<SegmentMap::Step> steps;
  const auto& samples = *placing.samples;
  for (const CurveStep& step : placing.fit.steps) {
    const double ticks = std::ceil(finite(step.x / samples.ns_per_tick) - 1e-6);
    steps.push_back({(samples.empty() ? 0 : samples.first_rtp_time) + static_cast<std::int64_t>(ticks),
                     static_cast<std::int64_t>(finite(step.moved)), step.source, step.slides});
  }
  return steps;
}

SegmentMap map_of(const Placing& placing, double zero) {
  SegmentMap map;
  const auto& samples = *placing.samples;
  const Curve& curve = placing.fit.curve;
  const auto add = [&](const Knot& knot, double slope) {
    const double ticks = finite(knot.x / samples.ns_per_tick);
    const auto whole = static_cast<std::int64_t>(std::ceil(ticks - 1e-6));
    const double ns_per_tick = samples.ns_per_tick * (1 + slope);
    // The piece begins at the first whole tick at or after the knot.
    const double time = knot.x + knot.offset - zero + (static_cast<double>(whole) - ticks) * ns_per_tick;
    const std::int64_t rtp = samples.empty() ? whole : samples.first_rtp_time + whole;
    if (!map.pieces.empty() && map.pieces.back().rtp_time >= rtp) map.pieces.pop_back();
    auto time_ns = static_cast<std::int64_t>(finite(time));
    if (!map.pieces.empty())
      time_ns = std::max(time_ns, map.time_ns(rtp - 1) + 1);  // rounding never leads back
    map.pieces.push_back({rtp, time_ns, ns_per_tick});
  };
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const bool last = i + 1 == curve.size();
    if (!last && curve[i + 1].x <= curve[i].x) continue;      // a cut: the next knot begins the piece
    if (last && i > 0 && curve[i - 1].x < curve[i].x) break;  // the piece before goes on
    add(curve[i], last ? 0 : (curve[i + 1].offset - curve[i].offset) / (curve[i + 1].x - curve[i].x));
  }
  if (map.pieces.empty()) add({0, 0}, 0);
  map.source = placing.source;
  map.residual_ms = finite(placing.fit.residual / 1e6);
  map.drift_ppm = finite(placing.fit.slope * 1e6);
  map.steps = steps_of(placing);
  for (SegmentMap::Step& step : map.steps)
    if (!step.slides && step.duration_ns > 0)  // as it came to be
      step.duration_ns =
          map.time_ns(step.rtp_time) - map.time_ns(step.rtp_time - 1) - std::llround(samples.ns_per_tick);
  if (samples.other_rate()) map.clock_rate = samples.rate();
  return map;
}

}  // namespace

Timeline place_segments(const std::vector<SegmentInput>& segments) {
  const Origin origin = origin_of(segments);
  std::vector<Placing> placings;
  placings.reserve(segments.size());
  for (const SegmentInput& input : segments) {
    placings.push_back({.input = &input, .samples = &input.clock->samples(), .order = placings.size()});
    placings.back().rescaled = with_line_rate(*placings.back().samples);
    if (placings.back().rescaled) placings.back().samples = placings.back().rescaled.get();
    placings.back().arrivals = read_arrivals(*placings.back().samples, origin);
  }
  find_network_steps(placings, origin);
  for (Placing& placing : placings) fit_segment(placing, origin);
  part_false_clocks(placings);
  join_nameless_clocks(placings);
  to_receive_time(placings, origin);
  for (Placing& p : placings)
    for (Knot& knot : p.fit.curve) knot.offset -= static_cast<double>(p.input->cut_ns);

  std::map<std::string, std::vector<Placing*>> tracks;
  for (Placing& p : placings) {
    if (p.input->audio) keep_sample_count(p.fit.curve);
    make_increasing(p.fit.curve, leaps_of(p.fit.steps));
    if (!p.samples->empty()) tracks[p.input->track].push_back(&p);
  }
  for (auto& [name, track] : tracks) keep_track_order(track);

  double zero = std::numeric_limits<double>::infinity();
  for (const Placing& p : placings)
    if (!p.samples->empty()) zero = std::min(zero, offset_at(p.fit.curve, 0));
  if (!std::isfinite(zero)) zero = 0;

  Timeline timeline;
  for (const Placing& p : placings) timeline.maps.push_back(map_of(p, zero));
  timeline.zero_receive_ms = static_cast<double>(origin.receive_ms) + zero / 1e6;
  return timeline;
}

}  // namespace rtpx
