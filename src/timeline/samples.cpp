#include "timeline/samples.hpp"

#include <algorithm>
#include <cmath>

namespace rtpx {
namespace {

constexpr std::size_t kMaxBuckets = 4096;
constexpr std::size_t kMaxBreaks = 1024;
constexpr std::int64_t kBreakGapMs = 35;
constexpr double kBreakMovedNs = 18e6;
constexpr double kLeapNs = 50e6;
constexpr double kLeastBreakNs = 15e6;
constexpr std::int64_t kSecondMs = 1000;
constexpr double kMostExcessNs = 200e6;
constexpr double kOfOneLevelNs = 40e6;  // packets that came later than this may lie behind another break
constexpr std::int64_t kMostBucketTicks = std::int64_t{1} << 40;
constexpr std::size_t kMostYoung = 64;
constexpr std::int64_t kSettleMs = 1000;
constexpr double kLeapShare = 0.6;  // of what moved is in RTP time's own step, else the packet was early
constexpr std::int64_t kLeapTypicals = 10;  // a step by this many packets' worth is a leap, not a loss

}  // namespace

bool SegmentClock::Samples::other_rate() const noexcept {
  return probe.settled() && rate() != clock_rate;
}

bool SegmentClock::Samples::timeless() const noexcept {
  if (empty()) return false;
  const double played = static_cast<double>(last_rtp_time - first_rtp_time) * ns_per_tick;
  return played > 2e9 && static_cast<double>(last_receive_ms - first_receive_ms) * 1e6 < played / 2;
}

// Every second bucket goes, and those that follow are twice as long. What lies on two sides of a break is not
// put together.
void SegmentClock::Samples::halve_buckets() {
  std::size_t out = 0;
  auto next = breaks.begin();
  for (std::size_t i = 0; i < earliest.size(); ++i) {
    const Earliest here = earliest[i];
    while (next != breaks.end() && next->rtp_time <= here.rtp_time) ++next;
    const bool pair =
        i + 1 < earliest.size() && (next == breaks.end() || next->rtp_time > earliest[i + 1].rtp_time);
    if (pair && transit(earliest[i + 1].rtp_time, earliest[i + 1].receive_ms) <
                    transit(here.rtp_time, here.receive_ms))
      earliest[out++] = earliest[i + 1];
    else
      earliest[out++] = here;
    if (pair) ++i;
  }
  earliest.resize(out);
  joined_buckets = out;
  joined_from = earliest.back().rtp_time;
  if (bucket_ticks < kMostBucketTicks) bucket_ticks *= 2;
}

void SegmentClock::Samples::start_bucket(std::int64_t rtp_time, std::int64_t receive_ms, double transit) {
  if (earliest.size() >= kMaxBuckets) halve_buckets();
  earliest.push_back({rtp_time, receive_ms});
  bucket_end = rtp_time + bucket_ticks;
  bucket_transit = transit;
}

// A stall of the network is over when what it held up has come: then nothing has moved.
void SegmentClock::Samples::settle_breaks(std::int64_t receive_ms, double transit) {
  bool dropped = false;
  for (std::size_t i = settled_breaks; i < breaks.size();) {
    Break& young = breaks[i];
    if (receive_ms - young.receive_ms < kSettleMs && breaks.size() - i <= kMostYoung) {
      young.since_ns = std::min(young.since_ns, transit);
      if (transit < young.since_ns + kOfOneLevelNs) ++young.packets;
      ++i;
      continue;
    }
    const double lasts = young.since_ns - young.before_ns;
    if (young.moved_ns > 0 ? lasts < kLeastBreakNs : lasts > -kLeastBreakNs) {
      breaks.erase(breaks.begin() + static_cast<std::ptrdiff_t>(i));
      dropped = true;
      continue;
    }
    ++i;
    settled_breaks = i;
    if (breaks.size() > kMaxBreaks) {
      const auto least = std::ranges::min_element(
          breaks, {}, [](const Break& b) { return std::abs(b.since_ns - b.before_ns); });
      breaks.erase(least);
      settled_breaks = --i;
    }
  }
  if (dropped) join_buckets();
}

// Breaks that were none have left buckets too short to be early: whole ones again.
void SegmentClock::Samples::join_buckets() {
  const std::int64_t end =
      settled_breaks < breaks.size() ? breaks[settled_breaks].rtp_time : earliest.back().rtp_time;
  std::size_t i = joined_buckets;
  for (; i < earliest.size() && earliest[i].rtp_time < end; ++i) {
    const Earliest& next = earliest[i];
    const auto parted = std::ranges::upper_bound(
        breaks, joined_buckets > 0 ? earliest[joined_buckets - 1].rtp_time : next.rtp_time, {},
        &Break::rtp_time);
    const bool joins = joined_buckets > 0 && next.rtp_time - joined_from < bucket_ticks &&
                       (parted == breaks.end() || parted->rtp_time > next.rtp_time);
    if (!joins) {
      joined_from = next.rtp_time;
      earliest[joined_buckets++] = next;
    } else if (Earliest& last = earliest[joined_buckets - 1];
               transit(next.rtp_time, next.receive_ms) < transit(last.rtp_time, last.receive_ms)) {
      last = next;
    }
  }
  earliest.erase(earliest.begin() + static_cast<std::ptrdiff_t>(joined_buckets),
                 earliest.begin() + static_cast<std::ptrdiff_t>(i));
}

// Whether RTP time and arrival time move apart before this packet.
inline bool SegmentClock::Samples::breaks_off(std::int64_t rtp_time, std::int64_t receive_ms, std::int64_t sequence,
                                              double now) const noexcept {
  const double moved = now - last_transit;
  const bool late = receive_ms - last_receive_ms >= kBreakGapMs;
  if (!late && moved >= -kLeapNs) return false;  // nearly all packets
  if (late && moved > kBreakMovedNs) return true;
  const std::int64_t ticks = rtp_time - last_rtp_time, numbers = sequence - last_sequence;
  return moved < -kLeapNs && now < bucket_transit - kLeapNs &&
         static_cast<double>(ticks) * ns_per_tick > -kLeapShare * moved &&
         (numbers == 1 || ticks > kLeapTypicals * typical_ticks * numbers);
}

void SegmentClock::Samples::note_break(std::int64_t rtp_time, std::int64_t receive_ms, double now) {
  if (settled_breaks == breaks.size()) {
    joined_buckets = earliest.size();
    joined_from = earliest.back().rtp_time;
  }
  const bool spoken_over = event.rtp_time > last_rtp_time && event.rtp_time + event.duration > rtp_time;
  breaks.push_back({last_rtp_time, rtp_time, receive_ms, now - last_transit,
                    std::min(second_transit, second_before_transit), now, now, 1, spoken_over});
  if (spoken_over) breaks.back().rtp_before = std::min(event.rtp_time, rtp_time) - 1;
  start_bucket(rtp_time, receive_ms, now);
}

inline void SegmentClock::Samples::note_lateness(std::int64_t receive_ms, double now) {
  if (receive_ms >= second_end_ms) {
    second_end_ms = receive_ms + kSecondMs;
    second_before_transit = second_transit;
    second_transit = now;
  } else {
    second_transit = std::min(second_transit, now);
  }
  excess_ns += std::clamp(now - std::min(second_transit, second_before_transit), 0.0, kMostExcessNs);
  ++packets;
}

void SegmentClock::Samples::take(std::int64_t rtp_time, std::int64_t receive_ms, std::int64_t sequence) {
  const double now = transit(rtp_time, receive_ms);
  const bool first = empty();
  if (first) {
    first_receive_ms = receive_ms;
    second_transit = second_before_transit = now;
    second_end_ms = receive_ms + kSecondMs;
    start_bucket(rtp_time, receive_ms, now);
  } else if (rtp_time >= last_rtp_time && sequence > last_sequence) {
    if (settled_breaks < breaks.size()) settle_breaks(receive_ms, now);
    if (breaks_off(rtp_time, receive_ms, sequence, now)) {
      note_break(rtp_time, receive_ms, now);
    } else if (rtp_time >= bucket_end) {
      start_bucket(rtp_time, receive_ms, now);
    } else if (now < bucket_transit) {
      earliest.back() = {rtp_time, receive_ms};
      bucket_transit = now;
    }
    const std::int64_t ticks = rtp_time - last_rtp_time;
    if (sequence == last_sequence + 1 && ticks > 0 && (typical_ticks == 0 || ticks < typical_ticks)) typical_ticks = ticks;
    note_lateness(receive_ms, now);
  }
  first_rtp_time = std::min(first_rtp_time, rtp_time);
  if (first || rtp_time >= last_rtp_time) {
    last_rtp_time = rtp_time;
    last_transit = now;
    last_sequence = sequence;
    last_receive_ms = receive_ms;
  }
}

}  // namespace rtpx
