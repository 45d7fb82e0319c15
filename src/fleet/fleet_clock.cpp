#include "fleet/fleet_clock.hpp"

#include <algorithm>
#include <cstdlib>

namespace rtpx::fleet {
namespace {

constexpr std::chrono::minutes kKept{15};
constexpr std::size_t kMostSamples = 1'000;
constexpr std::int64_t kDriftParts = 10'000;  // two crystals part by at most one of so many: 100 ppm
constexpr std::int64_t kLastStampNs = 1LL << 62;

}  // namespace

/// The older, the less it says.
std::int64_t FleetClock::error_at(const Sample& sample, ReceiveClock::time_point now) {
  return sample.error_ns + std::abs((now - sample.at).count()) / kDriftParts;
}

void FleetClock::add(ReceiveClock::time_point sent, ReceiveClock::time_point acknowledged, std::int64_t stamped_ns) {
  if (acknowledged < sent || stamped_ns < 0 || stamped_ns > kLastStampNs) return;
  const auto half = (acknowledged - sent) / 2;
  const Sample now{sent + half, stamped_ns - (sent + half).time_since_epoch().count(), half.count() + 1};
  // Where both cannot be true, a clock was set or another server stamps: what was before says nothing any more.
  const bool contradicts = std::ranges::any_of(samples_, [&](const Sample& one) {
    return std::abs(one.offset_ns - now.offset_ns) > error_at(one, now.at) + now.error_ns;
  });
  if (contradicts) samples_.clear();
  while (!samples_.empty() && (samples_.size() >= kMostSamples || now.at - samples_.front().at > kKept)) samples_.pop_front();
  samples_.push_back(now);
}

std::optional<ClockOffset> FleetClock::offset_of(const ClockAnchor& anchor, ReceiveClock::time_point now) const {
  const Sample* best = nullptr;
  for (const Sample& one : samples_)
    if (now - one.at <= kKept && (best == nullptr || error_at(one, now) < error_at(*best, now))) best = &one;
  if (best == nullptr) return std::nullopt;
  const std::int64_t by_fleet_us = best->offset_ns / 1'000 + anchor.receive_time_ms * 1'000;
  return ClockOffset{by_fleet_us - anchor.utc.time_since_epoch().count(), error_at(*best, now) / 1'000 + 1};
}

}  // namespace rtpx::fleet
