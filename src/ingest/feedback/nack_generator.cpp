#include "ingest/feedback/nack_generator.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using Duration = NackGenerator::Duration;

constexpr Duration kReorderPatience = 5ms;  // before the first request

/// Until the next request for a packet: a little over a round trip, longer each time.
Duration retry_after(Duration round_trip, int requests) {
  const double first = std::max<double>(20e6, 1.25 * static_cast<double>(round_trip.count()) + 5e6);
  return Duration(static_cast<Duration::rep>(first * std::pow(1.25, requests - 1)));
}
/// Senders keep packets for about a second, and for three round trips.
Duration give_up_after(Duration round_trip) {
  return 1s + 4 * round_trip;
}
Duration overdue_after(Duration round_trip) {
  return 300ms + 3 * round_trip;
}

}  // namespace

NackGenerator::Arrival NackGenerator::on_packet(std::uint16_t sequence, Time now) {
  if (highest_ < 0) {
    highest_ = unwrap_(sequence);
    return Arrival::in_order;
  }
  const std::int64_t number = unwrap_.peek(sequence);
  if (number <= highest_) return recover(number, now) ? Arrival::recovered : Arrival::old;
  (void)unwrap_(sequence);
  const std::int64_t first = highest_ + 1;
  highest_ = number;
  if (number - first > static_cast<std::int64_t>(kMaxMissing)) {  // no sender keeps that many
    given_up_ += static_cast<std::uint64_t>(number - first) + missing_.size();
    missing_.clear();
    keyframe_wish_ = true;
    return Arrival::in_order;
  }
  for (std::int64_t n = first; n < number; ++n)
    missing_.emplace_hint(missing_.end(), n, Missing{now, {}, 0, false});
  while (missing_.size() > kMaxMissing) give_up(missing_.begin());
  return Arrival::in_order;
}

bool NackGenerator::on_retransmission(std::uint16_t sequence, Time now) {
  return highest_ >= 0 && recover(unwrap_.peek(sequence), now);
}

bool NackGenerator::recover(std::int64_t number, Time now) {
  const auto found = missing_.find(number);
  if (found == missing_.end()) return false;
  if (found->second.requests == 1) round_trip_ = now - found->second.asked;
  missing_.erase(found);
  ++recovered_;
  return true;
}

void NackGenerator::restart() noexcept {
  given_up_ += missing_.size();
  missing_.clear();
  unwrap_.reset();
  highest_ = -1;
}

std::vector<std::uint16_t> NackGenerator::due(Time now, Duration round_trip) {
  std::vector<std::uint16_t> out;
  for (auto at = missing_.begin(); at != missing_.end();) {
    Missing& one = at->second;
    const Duration age = now - one.since;
    if (age > give_up_after(round_trip)) {
      give_up(at++);
      continue;
    }
    if (!one.overdue && age > overdue_after(round_trip)) one.overdue = keyframe_wish_ = true;
    const bool first = one.requests == 0;
    const bool ask =
        first ? age >= kReorderPatience : now - one.asked >= retry_after(round_trip, one.requests);
    if (ask && one.requests < kMaxRequests) {
      one.asked = now;
      ++one.requests;
      out.push_back(static_cast<std::uint16_t>(at->first));
    }
    ++at;
  }
  return out;
}

bool NackGenerator::take_keyframe_wish() noexcept {
  return std::exchange(keyframe_wish_, false);
}

void NackGenerator::give_up(std::map<std::int64_t, Missing>::iterator at) {
  missing_.erase(at);
  ++given_up_;
  keyframe_wish_ = true;
}

}  // namespace rtpx
