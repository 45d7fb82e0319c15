#include "ingest/feedback/rate.hpp"

#include <algorithm>

namespace rtpx {

void RateMeter::add(std::size_t bytes, Time now) noexcept {
  const std::int64_t number = slot_of(now);
  Slot& slot = slots_[static_cast<std::size_t>(number) % slots_.size()];
  if (slot.number != number) slot = {number, 0};
  slot.bytes += bytes;
}

std::uint64_t RateMeter::bits_per_second(Time now) const noexcept {
  const std::int64_t current = slot_of(now);
  std::uint64_t bytes = 0;
  for (const Slot& slot : slots_)  // whole slots only: the current one has just begun
    if (slot.number < current && slot.number >= current - static_cast<std::int64_t>(kSlots))
      bytes += slot.bytes;
  return bytes * 8;
}

bool RateLimit::allows(std::size_t bytes, ReceiveClock::time_point now) noexcept {
  if (bytes_per_second_ == 0) return true;
  const auto full = static_cast<double>(bytes_per_second_);
  if (!last_) {
    tokens_ = full;
    last_ = now;
  }
  if (now > *last_) {  // arrival times of two sockets may cross
    tokens_ = std::min(full, tokens_ + full * std::chrono::duration<double>(now - *last_).count());
    last_ = now;
  }
  if (tokens_ < static_cast<double>(bytes)) return false;
  tokens_ -= static_cast<double>(bytes);
  return true;
}

void RoundTrip::sample(std::chrono::nanoseconds value) noexcept {
  if (value.count() < 0) return;
  smoothed_ = smoothed_ ? (7 * *smoothed_ + value) / 8 : value;
}

std::chrono::nanoseconds RoundTrip::planned() const noexcept {
  return smoothed_.value_or(std::chrono::milliseconds(100));
}

std::uint64_t LossBasedEstimate::update(double fraction_lost,
                                        std::uint64_t received_bits_per_second) noexcept {
  if (fraction_lost > 0.10) {
    estimate_ = static_cast<std::uint64_t>(static_cast<double>(estimate_) * (1 - 0.5 * fraction_lost));
  } else if (fraction_lost < 0.02 && received_bits_per_second * 2 > estimate_) {
    estimate_ += estimate_ / 12;  // only while the sender comes near it
  }
  estimate_ = std::clamp(estimate_, kLowest, kHighest);
  return estimate_;
}

}  // namespace rtpx
