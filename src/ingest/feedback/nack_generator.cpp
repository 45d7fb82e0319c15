#include "ingest/feedback/nack_generator.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using Duration = NackGenerator::Duration;

constexpr Duration kReorderPatience = 5ms;  // before the first request
constexpr int kMaxRequestsBefore = 3;       // for a number that may never have been sent

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
    highest_ = first_ = unwrap_(sequence);
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
  Numbers& numbers = number < first_ ? before_ : missing_;
  const auto found = numbers.find(number);
  if (found == numbers.end()) return false;
  if (found->second.requests == 1) round_trip_ = now - found->second.asked;
  if (found->second.requests > 0) unanswered_requests_ = 0;
  numbers.erase(found);
  ++recovered_;
  return true;
}

void NackGenerator::restart() noexcept {
  given_up_ += missing_.size();
  missing_.clear();
  before_.clear();
  unwrap_.reset();
  highest_ = first_ = -1;
}

void NackGenerator::want_before(std::uint16_t sequence, Time now) {
  if (highest_ < 0) return;
  const std::int64_t number = unwrap_.peek(sequence);
  if (number > first_) return;
  const std::int64_t lowest = std::max(number - static_cast<std::int64_t>(kBeforeAtOnce),
                                       first_ - static_cast<std::int64_t>(kMaxBefore));
  const std::int64_t end = before_.empty() ? number : std::min(number, before_.begin()->first);
  for (std::int64_t n = lowest; n < end; ++n) before_.try_emplace(n, Missing{now, {}, 0, false});
}

void NackGenerator::begin_at(std::uint16_t sequence) noexcept {
  if (highest_ < 0) return;
  before_.erase(before_.begin(), before_.lower_bound(unwrap_.peek(sequence)));
}

/// False: nothing was answered for so long that asking is given up; now and then it is tried once more.
bool NackGenerator::takes_requests(Time now) {
  if (patience_.requests == 0) return false;
  if (unanswered_requests_ < patience_.requests || now - unanswered_since_ < patience_.time) return true;
  if (now - probed_ < kProbeInterval) return false;
  probed_ = now;
  return true;
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
    ++at;
  }
  std::erase_if(before_, [&](const auto& one) { return now - one.second.since > give_up_after(round_trip); });
  ask(before_, now, round_trip, kMaxRequestsBefore, out);
  ask(missing_, now, round_trip, kMaxRequests, out);
  return out;
}

void NackGenerator::ask(Numbers& numbers, Time now, Duration round_trip, int most,
                        std::vector<std::uint16_t>& out) {
  for (auto& [number, one] : numbers) {
    const bool ready = one.requests == 0 ? now - one.since >= kReorderPatience
                                         : now - one.asked >= retry_after(round_trip, one.requests);
    if (!ready || one.requests >= most) continue;
    if (!takes_requests(now)) return;
    if (one.requests > 0 && unanswered_requests_++ == 0) unanswered_since_ = one.asked;
    one.asked = now;
    ++one.requests;
    out.push_back(static_cast<std::uint16_t>(number));
  }
}

bool NackGenerator::take_keyframe_wish() noexcept {
  return std::exchange(keyframe_wish_, false);
}

void NackGenerator::give_up(Numbers::iterator at) {
  if (at->second.requests > 0) {
    ++unanswered_;
    if (unanswered_requests_++ == 0) unanswered_since_ = at->second.asked;
  }
  missing_.erase(at);
  ++given_up_;
  keyframe_wish_ = true;
}

}  // namespace rtpx
