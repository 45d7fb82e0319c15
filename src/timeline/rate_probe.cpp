#include "timeline/rate_probe.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace rtpx {
namespace {

constexpr std::array<std::uint32_t, 12> kRates = {1000,  8000,  11025, 12000, 16000, 22050,
                                                  24000, 32000, 44100, 48000, 90000, 1'000'000};
constexpr std::uint32_t kMostTimes = 8;  // that a rate is a multiple or a part of the negotiated one
constexpr std::size_t kMostPackets = 2048;
constexpr std::int64_t kLongestMs = 10'000;
constexpr std::int64_t kWindowMs = 1'000;
constexpr int kFewestDurations = 20;
constexpr int kFewestWindows = 3;

/// The rate in use that lies near: the negotiated one has the widest catch, where no other lies nearer. 0: none.
std::uint32_t nearest_rate(double found, std::uint32_t negotiated, double tolerance) {
  const double off = std::abs(found / negotiated - 1);
  for (const std::uint32_t rate : kRates)
    if (off > tolerance && std::abs(found / rate - 1) < tolerance) return rate;
  return off < 0.15 ? negotiated : 0;
}

/// As packets' own durations tell: of samples that are counted for each channel, by bytes or by pairs, too.
std::uint32_t rate_by_duration(double found, std::uint32_t negotiated) {
  constexpr double kTolerance = 0.02;
  const std::uint32_t in_use = nearest_rate(found, negotiated, kTolerance);
  for (std::uint32_t times = 2; in_use == 0 && times <= kMostTimes; ++times)
    for (const std::uint32_t rate : {negotiated * times, negotiated / times})
      if (rate > 0 && std::abs(found / rate - 1) < kTolerance) return rate;
  return in_use;
}

int sum_of(const std::map<std::uint32_t, int>& votes) {
  int sum = 0;
  for (const auto& [rate, count] : votes) sum += count;
  return sum;
}

}  // namespace

bool RateProbe::push(const Packet& packet, std::int64_t duration_ns) {
  if (settled_) return false;
  if (packets_.empty()) {
    window_ = packet;
  } else {
    vote_by_duration(packet);
    vote_by_arrival(packet);
  }
  packets_.push_back(packet);
  last_duration_ns_ = duration_ns;
  const bool enough =
      packets_.size() >= kMostPackets || packet.receive_ms - packets_.front().receive_ms >= kLongestMs;
  if (enough || agreed(by_duration_, kFewestDurations) || agreed(by_arrival_, kFewestWindows)) settle();
  return true;
}

void RateProbe::vote_by_duration(const Packet& packet) {
  const Packet& last = packets_.back();
  const std::int64_t ticks = packet.rtp_time - last.rtp_time;
  if (last_duration_ns_ <= 0 || packet.sequence != last.sequence + 1 || ticks <= 0) return;
  ++by_duration_[rate_by_duration(static_cast<double>(ticks) * 1e9 / static_cast<double>(last_duration_ns_),
                                  negotiated_)];
}

void RateProbe::vote_by_arrival(const Packet& packet) {
  const std::int64_t ms = packet.receive_ms - window_.receive_ms;
  if (ms < kWindowMs) return;
  ++by_arrival_[nearest_rate(
      static_cast<double>(packet.rtp_time - window_.rtp_time) * 1e3 / static_cast<double>(ms), negotiated_,
      0.05)];
  window_ = packet;
}

// The negotiated rate is nearly always right: then the search is short.
bool RateProbe::agreed(const std::map<std::uint32_t, int>& votes, int fewest) const {
  const auto own = votes.find(negotiated_);
  return own != votes.end() && own->second >= fewest && own->second * 2 > sum_of(votes);
}

std::uint32_t RateProbe::elected(const std::map<std::uint32_t, int>& votes, int fewest) const {
  const int sum = sum_of(votes);
  for (const auto& [rate, count] : votes) {
    const auto own = votes.find(negotiated_);
    const int contrary = own == votes.end() ? 0 : own->second;
    if (rate != 0 && count >= fewest && count * 10 >= sum * 6 && contrary * 10 <= sum) return rate;
  }
  return negotiated_;
}

// Packets' own durations know the rate best, and arrivals have a veto; without durations several seconds of
// arrivals have to agree.
void RateProbe::settle() {
  settled_ = true;
  if (agreed(by_arrival_, kFewestWindows))
    rate_ = negotiated_;
  else if (sum_of(by_duration_) >= kFewestDurations)
    rate_ = elected(by_duration_, kFewestDurations);
  else
    rate_ = elected(by_arrival_, kFewestWindows);
  last_duration_ns_ = 0;
}

}  // namespace rtpx
