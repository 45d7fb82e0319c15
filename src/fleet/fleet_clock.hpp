#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "rtpx/manifest.hpp"
#include "rtpx/track.hpp"
#include "storage/recording_info.hpp"

namespace rtpx::fleet {

/// How far the receive clock is from the fleet's clock, which is the one by which the NATS server that keeps the members'
/// entries stamps them. Told of each heartbeat; the one that tells most narrowly counts, for as long as nothing tells
/// better. Reads no clock itself. One thread.
class FleetClock {
 public:
  /// An entry was sent and acknowledged then; the server stamped it between the two, `stamped_ns` after 1970 by its clock.
  void add(ReceiveClock::time_point sent, ReceiveClock::time_point acknowledged, std::int64_t stamped_ns);
  /// What to add to wall-clock times that are tied to receive times by `anchor`; nullopt: nothing was told lately.
  [[nodiscard]] std::optional<ClockOffset> offset_of(const ClockAnchor& anchor, ReceiveClock::time_point now) const;

 private:
  struct Sample {
    ReceiveClock::time_point at;  // the middle of the request
    std::int64_t offset_ns = 0;   // fleet's time less receive time
    std::int64_t error_ns = 0;    // half of the request
  };
  [[nodiscard]] static std::int64_t error_at(const Sample& sample, ReceiveClock::time_point now);

  std::deque<Sample> samples_;  // by time
};

}  // namespace rtpx::fleet
