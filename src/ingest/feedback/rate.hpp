#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "rtpx/track.hpp"

namespace rtpx {

/// Bits per second over about the last second.
class RateMeter {
 public:
  using Time = ReceiveClock::time_point;
  void add(std::size_t bytes, Time now) noexcept;
  [[nodiscard]] std::uint64_t bits_per_second(Time now) const noexcept;

 private:
  static constexpr std::size_t kSlots = 10;
  static constexpr std::chrono::milliseconds kSlot{100};
  [[nodiscard]] static std::int64_t slot_of(Time now) noexcept { return now.time_since_epoch() / kSlot; }
  struct Slot {
    std::int64_t number = -1;
    std::uint64_t bytes = 0;
  };
  std::array<Slot, kSlots + 1> slots_{};
};

/// Allows a mean rate with bursts of one second of it (a token bucket).
class RateLimit {
 public:
  explicit RateLimit(std::uint64_t bits_per_second = 0)
      : bytes_per_second_(bits_per_second / 8) {}  ///< 0: no limit
  [[nodiscard]] bool allows(std::size_t bytes, ReceiveClock::time_point now) noexcept;

 private:
  std::uint64_t bytes_per_second_;
  double tokens_ = 0;
  std::optional<ReceiveClock::time_point> last_;
};

/// Smoothed round-trip time (RFC 6298 section 2, without the timer).
class RoundTrip {
 public:
  void sample(std::chrono::nanoseconds value) noexcept;
  [[nodiscard]] std::optional<std::chrono::nanoseconds> smoothed() const noexcept { return smoothed_; }
  /// What to plan with: 100 ms before the first sample.
  [[nodiscard]] std::chrono::nanoseconds planned() const noexcept;

 private:
  std::optional<std::chrono::nanoseconds> smoothed_;
};

/// The bit rate to ask a sender for by REMB where it knows no transport-cc: the loss-based half of
/// draft-ietf-rmcat-gcc-02 section 6, run at the receiver.
class LossBasedEstimate {
 public:
  /// `fraction_lost` 0..1 and the rate received over the last second; answers the new estimate.
  std::uint64_t update(double fraction_lost, std::uint64_t received_bits_per_second) noexcept;

 private:
  static constexpr std::uint64_t kStart = 2'500'000, kLowest = 100'000, kHighest = 20'000'000;
  std::uint64_t estimate_ = kStart;
};

}  // namespace rtpx
