#include "ingest/net/arrival_clock.hpp"

#include <algorithm>

namespace rtpx {

void ArrivalClock::sample(Nanoseconds wall_now, ReceiveClock::time_point now) noexcept {
  const Nanoseconds offset = now.time_since_epoch() - wall_now;
  // What is in a socket may have waited while the process did not run: a second of slack.
  earliest_ = (started_ ? now_ : now) - std::chrono::seconds(1);
  stepped_ = started_ && (offset > offset_ ? offset - offset_ : offset_ - offset) > kStep;
  offset_before_ = stepped_ ? offset_ : offset;
  offset_ = offset;
  now_ = now;
  started_ = true;
}

ReceiveClock::time_point ArrivalClock::arrival(std::optional<Nanoseconds> kernel) const noexcept {
  if (!kernel) return now_;
  const auto fits = [&](ReceiveClock::time_point at) { return at >= earliest_ && at <= now_; };
  const ReceiveClock::time_point by_new(*kernel + offset_);
  if (fits(by_new) || !stepped_) return std::clamp(by_new, earliest_, now_);
  const ReceiveClock::time_point by_old(*kernel + offset_before_);
  return fits(by_old) ? by_old : now_;
}

}  // namespace rtpx
