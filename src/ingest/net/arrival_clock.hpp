#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "rtpx/track.hpp"

namespace rtpx {

/// Turns the kernel's arrival times (SO_TIMESTAMPNS: wall clock) into ReceiveClock times, such that steps of
/// the wall clock do not move them. Reads no clock itself.
class ArrivalClock {
 public:
  using Nanoseconds = std::chrono::nanoseconds;

  /// Call once after each read of the socket, with both clocks sampled right then.
  void sample(Nanoseconds wall_now, ReceiveClock::time_point now) noexcept;

  /// When a datagram of that read arrived; `kernel` nullopt: the kernel did not say. Never after the sample,
  /// never before the last read but one.
  [[nodiscard]] ReceiveClock::time_point arrival(std::optional<Nanoseconds> kernel) const noexcept;

 private:
  static constexpr Nanoseconds kStep = std::chrono::milliseconds(2);  ///< slewing is below 1 ms a second

  ReceiveClock::time_point now_{}, earliest_{};
  Nanoseconds offset_{0};  // ReceiveClock minus wall clock
  Nanoseconds offset_before_{
      0};  // at the previous sample: for datagrams stamped before a step of the wall clock
  bool stepped_ = false;
  bool started_ = false;
};

}  // namespace rtpx
