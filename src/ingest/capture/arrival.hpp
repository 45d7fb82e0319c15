#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

#include "rtp/unwrap.hpp"

namespace rtpx::capture {

/// Arrival times of packets, counted from the first one. Where the capture keeps none, they are made from RTP
/// time: each source starts when the one before it has got to, and goes on at its clock rate.
///
/// A machine's clock may be set while it captures. No packet comes before the one that was sent before it, or more than a day
/// after it: where the next number of a source seems to, all times from there on are moved.
class ArrivalTimes {
 public:
  /// `first`: time of the capture's first RTP or RTCP packet, from which all are counted.
  explicit ArrivalTimes(std::optional<std::chrono::nanoseconds> first) : first_(first) {}

  /// A packet of `source` in the order of the capture.
  std::chrono::nanoseconds of(std::optional<std::chrono::nanoseconds> time, std::size_t source, std::uint16_t sequence,
                              std::uint32_t rtp_timestamp, std::uint32_t clock_rate) {
    Clock& clock = clocks_[source];
    if (time) {
      note_set_clock(clock, sequence, *time);
      return from_capture(*time);
    }
    const std::int64_t timestamp = clock.unwrap(rtp_timestamp);
    if (!clock.started) {
      clock.started = true;
      clock.first = timestamp;
      clock.start = now_;
    }
    const std::int64_t ticks = timestamp - clock.first;
    const auto rate = static_cast<std::int64_t>(clock_rate == 0 ? 90000 : clock_rate);
    const auto made = clock.start + std::chrono::nanoseconds(ticks / rate * 1'000'000'000 +
                                                             ticks % rate * 1'000'000'000 / rate);
    if (made > now_ + kBelievable || made < clock.start - kBelievable) {
      clock.first = timestamp;
      clock.start = now_;
      return now_;
    }
    now_ = std::max(now_, made);
    return now_;
  }

  /// A packet without RTP time (RTCP).
  std::chrono::nanoseconds of(std::optional<std::chrono::nanoseconds> time) {
    return time ? from_capture(*time) : now_;
  }

  /// How often the clock was set.
  [[nodiscard]] std::uint64_t set_back() const noexcept { return set_back_; }

 private:
  static constexpr std::chrono::hours kBelievable{24};  // a clock that jumps is no day of silence
  struct Clock {
    TimestampUnwrapper unwrap;
    bool started = false;
    std::int64_t first = 0;
    std::chrono::nanoseconds start{0};
    std::uint16_t sequence = 0;                      // of its newest packet
    std::optional<std::chrono::nanoseconds> heard;  // by the capture's clock
  };
  void note_set_clock(Clock& clock, std::uint16_t sequence, std::chrono::nanoseconds time) {
    constexpr std::chrono::milliseconds kMixedUp(30);  // packets of several queues may be written out of order
    constexpr std::int16_t kGoesOn = 8;                // numbers
    const auto step = static_cast<std::int16_t>(sequence - clock.sequence);
    const bool goes_on = clock.heard && step > 0 && step <= kGoesOn;
    if (goes_on && (time < *clock.heard - kMixedUp || time > *clock.heard + kBelievable)) {
      moved_ += *clock.heard - time;
      ++set_back_;
      for (auto& [source, other] : clocks_) other.heard.reset();  // by the clock as it was
    }
    if (!clock.heard || step > 0) clock.heard = time, clock.sequence = sequence;
  }
  std::chrono::nanoseconds from_capture(std::chrono::nanoseconds time) {
    if (!first_) first_ = time;
    now_ = time - *first_ + moved_;
    return now_;
  }

  std::optional<std::chrono::nanoseconds> first_;
  std::chrono::nanoseconds now_{0};
  std::map<std::size_t, Clock> clocks_;
  std::chrono::nanoseconds moved_{0};
  std::uint64_t set_back_ = 0;
};

}  // namespace rtpx::capture
