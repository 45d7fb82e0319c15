#include <algorithm>
#include <cmath>
#include <utility>

#include "timeline/samples.hpp"

namespace rtpx {
namespace {

using Samples = SegmentClock::Samples;

constexpr std::size_t kMaxReports = 2048;
constexpr std::size_t kMostWaiting = 4096;
constexpr std::int64_t kMixedUpMs = 30;
/// Times outside are no media: they would only overflow.
constexpr double kMaxRtpNs = 0x1p58;  // 9 years
constexpr std::int64_t kMostEventTicks = std::int64_t{1} << 32;
constexpr std::int64_t kMaxReceiveMs = std::int64_t{1} << 42;

bool within(std::int64_t value, std::int64_t bound) {
  return value >= -bound && value <= bound;
}

void add_thinned(std::vector<Samples::Report>& list, std::uint32_t& stride, std::uint32_t& count,
                 const Samples::Report& report) {
  if (count++ % stride != 0) return;
  if (list.size() >= kMaxReports) {
    for (std::size_t i = 0; i < kMaxReports / 2; ++i) list[i] = list[2 * i];
    list.resize(kMaxReports / 2);
    stride *= 2;
  }
  list.push_back(report);
}

bool plausible_ntp(std::int64_t ntp_ns) {
  return ntp_ns > 0 && ntp_ns < (std::int64_t{1} << 62);
}

/// Takes what the probe held back, with the rate that it found.
void take_probed(Samples& s) {
  s.ns_per_tick = 1e9 / s.probe.rate();
  s.bucket_ticks = s.probe.rate();
  const Samples::Event last = s.event;
  for (const RateProbe::Packet& packet : s.probe.take_packets()) {
    s.event = {packet.event_rtp_time, packet.event_duration};
    s.take(packet.rtp_time, packet.receive_ms, packet.sequence);
  }
  s.event = last;
}

void look_at(Samples& s, const RateProbe::Packet& packet, std::int64_t duration_ns) {
  if (s.probe.settled()) {
    s.take(packet.rtp_time, packet.receive_ms, packet.sequence);
  } else {
    s.probe.push(packet, duration_ns);
    if (s.probe.settled()) take_probed(s);
  }
}

/// Whether arrival times were made of RTP times: then pictures that are shown first came with the one that was sent before
/// them, or even earlier.
bool made_of_rtp_times(const Samples& s) {
  std::size_t pictures = 0, at_once = 0;
  for (std::size_t i = 1; i < s.waiting.size(); ++i) {
    const auto &before = s.waiting[i - 1], &after = s.waiting[i];
    if (after.packet.receive_ms < before.packet.receive_ms - kMixedUpMs) return true;
    if (after.own_rtp_time == before.own_rtp_time) continue;
    ++pictures;
    if (after.packet.receive_ms <= before.packet.receive_ms) ++at_once;
  }
  return at_once > 1 && at_once * 3 >= pictures;
}

/// Looks at those that waited for so long that no packet of an earlier picture comes any more; or at all.
void end_waiting(Samples& s, std::int64_t receive_ms, bool all) {
  const auto is_over = [&](const Samples::Waiting& one) {
    return all || receive_ms - one.packet.receive_ms > SegmentClock::kMostAheadMs || s.waiting.size() > kMostWaiting;
  };
  if (s.waiting.empty() || !is_over(s.waiting.front())) return;
  if (!std::exchange(s.judged, true) && made_of_rtp_times(s)) {
    s.reorders = false;
    all = true;
    for (Samples::Waiting& one : s.waiting) one.packet.rtp_time = one.own_rtp_time;
  }
  while (!s.waiting.empty() && is_over(s.waiting.front())) {
    look_at(s, s.waiting.front().packet, 0);
    s.waiting.pop_front();
  }
}

}  // namespace

SegmentClock::SegmentClock(std::uint32_t clock_rate, bool reorders) : samples_(std::make_shared<Samples>()) {
  samples_->reorders = reorders;
  samples_->clock_rate = std::clamp(clock_rate, 1U, 1'000'000'000U);
  samples_->ns_per_tick = 1e9 / samples_->clock_rate;
  samples_->probe = RateProbe(samples_->clock_rate);
  samples_->max_rtp_time = static_cast<std::int64_t>(kMaxRtpNs / samples_->ns_per_tick);
}

SegmentClock::SegmentClock(const SegmentClock& other) : samples_(std::make_shared<Samples>(*other.samples_)) {}

SegmentClock& SegmentClock::operator=(const SegmentClock& other) {
  samples_ = std::make_shared<Samples>(*other.samples_);
  return *this;
}

void SegmentClock::add_packet(std::int64_t rtp_time, std::int64_t receive_ms, std::int64_t sequence,
                              std::int64_t duration_ns) {
  Samples& s = *samples_;
  if (!within(rtp_time, s.max_rtp_time) || !within(receive_ms, kMaxReceiveMs)) return;
  const RateProbe::Packet packet{rtp_time, receive_ms, sequence, s.event.rtp_time, s.event.duration};
  if (!s.reorders) return look_at(s, packet, duration_ns);
  for (auto before = s.waiting.rbegin(); before != s.waiting.rend() && before->packet.rtp_time > rtp_time; ++before)
    before->packet.rtp_time = rtp_time;
  s.waiting.push_back({packet, rtp_time});
  end_waiting(s, receive_ms, false);
}

bool SegmentClock::wants_durations() const noexcept {
  return !samples_->probe.settled();
}

void SegmentClock::add_event(std::int64_t rtp_time, std::int64_t duration) {
  Samples& s = *samples_;
  if (!within(rtp_time, s.max_rtp_time) || !within(duration, kMostEventTicks)) return;
  if (s.event.rtp_time != rtp_time) s.event = {rtp_time, 0};
  s.event.duration = std::max(s.event.duration, duration);
}

void SegmentClock::add_sender_report(std::int64_t rtp_time, std::int64_t ntp_ns, std::int64_t receive_ms) {
  Samples& s = *samples_;
  if (!within(rtp_time, s.max_rtp_time) || !within(receive_ms, kMaxReceiveMs) || !plausible_ntp(ntp_ns))
    return;
  add_thinned(s.reports, s.report_stride, s.report_count, {rtp_time, ntp_ns, receive_ms});
}

void SegmentClock::add_capture_time(std::int64_t rtp_time, std::int64_t ntp_ns) {
  Samples& s = *samples_;
  if (!within(rtp_time, s.max_rtp_time) || !plausible_ntp(ntp_ns)) return;
  add_thinned(s.captures, s.capture_stride, s.capture_count, {rtp_time, ntp_ns, 0});
}

const SegmentClock::Samples& SegmentClock::samples() const {
  end_waiting(*samples_, 0, true);
  if (!samples_->probe.settled()) {
    samples_->probe.settle();
    take_probed(*samples_);
  }
  return *samples_;
}

}  // namespace rtpx
