#include <algorithm>

#include "timeline/samples.hpp"

namespace rtpx {
namespace {

using Samples = SegmentClock::Samples;

constexpr std::size_t kMaxBuckets = 4096;
constexpr std::size_t kMaxReports = 2048;
constexpr std::size_t kMaxBreaks = 256;
constexpr std::int64_t kBreakGapMs = 60;
constexpr double kBreakMovedNs = 50e6;
/// Times outside are no media: they would only overflow.
constexpr double kMaxRtpNs = 0x1p58;  // 9 years
constexpr std::int64_t kMaxReceiveMs = std::int64_t{1} << 42;

bool within(std::int64_t value, std::int64_t bound) {
  return value >= -bound && value <= bound;
}

double transit(const Samples& s, std::int64_t rtp_time, std::int64_t receive_ms) {
  return static_cast<double>(receive_ms) * 1e6 - static_cast<double>(rtp_time) * s.ns_per_tick;
}

/// Buckets of twice the length from then on.
void halve_buckets(Samples& s) {
  std::size_t out = 0;
  for (std::size_t i = 0; i + 1 < s.earliest.size(); i += 2) {
    const auto &a = s.earliest[i], &b = s.earliest[i + 1];
    s.earliest[out++] = transit(s, a.rtp_time, a.receive_ms) <= transit(s, b.rtp_time, b.receive_ms) ? a : b;
  }
  s.earliest.resize(out);
  s.bucket_ticks *= 2;
}

void start_bucket(Samples& s, std::int64_t rtp_time, std::int64_t receive_ms, double packet_transit) {
  if (s.earliest.size() >= kMaxBuckets) halve_buckets(s);
  s.earliest.push_back({rtp_time, receive_ms});
  s.bucket_end = rtp_time + s.bucket_ticks;
  s.bucket_transit = packet_transit;
}

void add_break(Samples& s, const Samples::Break& found) {
  if (s.breaks.size() >= kMaxBreaks) {
    const auto least =
        std::ranges::min_element(s.breaks, {}, [](const auto& b) { return std::abs(b.moved_ns); });
    if (std::abs(least->moved_ns) >= std::abs(found.moved_ns)) return;
    s.breaks.erase(least);
  }
  s.breaks.push_back(found);
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

}  // namespace

SegmentClock::SegmentClock(std::uint32_t clock_rate) : samples_(std::make_shared<Samples>()) {
  samples_->clock_rate = std::clamp(clock_rate, 1U, 1'000'000'000U);
  samples_->ns_per_tick = 1e9 / samples_->clock_rate;
  samples_->bucket_ticks = samples_->clock_rate;
  samples_->max_rtp_time = static_cast<std::int64_t>(kMaxRtpNs / samples_->ns_per_tick);
}

void SegmentClock::add_packet(std::int64_t rtp_time, std::int64_t receive_ms, std::int64_t sequence) {
  Samples& s = *samples_;
  if (!within(rtp_time, s.max_rtp_time) || !within(receive_ms, kMaxReceiveMs)) return;
  const double now = transit(s, rtp_time, receive_ms);
  const bool first = s.empty();
  if (first) s.first_receive_ms = receive_ms;
  s.first_rtp_time = std::min(s.first_rtp_time, rtp_time);
  if (first) {
    start_bucket(s, rtp_time, receive_ms, now);
  } else if (rtp_time >= s.last_rtp_time) {
    const double moved = now - s.last_transit;
    const bool paused = receive_ms - s.last_receive_ms >= kBreakGapMs && moved > kBreakMovedNs;
    const bool leapt = now < s.bucket_transit - kBreakMovedNs && moved < -kBreakMovedNs;
    if ((paused || leapt) && sequence > s.last_sequence) {
      add_break(s, {rtp_time, receive_ms, moved});
      start_bucket(s, rtp_time, receive_ms, now);
    } else if (rtp_time >= s.bucket_end) {
      start_bucket(s, rtp_time, receive_ms, now);
    } else if (now < s.bucket_transit) {
      s.earliest.back() = {rtp_time, receive_ms};
      s.bucket_transit = now;
    }
  }
  if (first || rtp_time >= s.last_rtp_time) {
    s.last_rtp_time = rtp_time;
    s.last_transit = now;
    s.last_sequence = sequence;
    s.last_receive_ms = receive_ms;
  }
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
  return *samples_;
}

}  // namespace rtpx
