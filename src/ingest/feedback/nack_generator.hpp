#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "rtp/unwrap.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Finds the packets of one SSRC that are missing and says when to ask for each (RFC 4585 section 6.2.1), as
/// the round trip allows: senders ignore a second request within one round trip. Memory: at most kMaxMissing
/// numbers.
class NackGenerator {
 public:
  using Time = ReceiveClock::time_point;
  using Duration = std::chrono::nanoseconds;

  static constexpr std::size_t kMaxMissing = 1000;
  static constexpr int kMaxRequests = 10;  ///< for each packet

  enum class Arrival : std::uint8_t { in_order, recovered, old };
  Arrival on_packet(std::uint16_t sequence, Time now);  ///< a media packet
  /// The original sequence number of a packet that came as RTX (RFC 4588 section 4). True when it was
  /// missing.
  bool on_retransmission(std::uint16_t sequence, Time now);
  /// The sequence numbers start anew (another stream under the same SSRC): forget all.
  void restart() noexcept;

  /// What to ask for now, ascending. Also gives up what is too old.
  [[nodiscard]] std::vector<std::uint16_t> due(Time now, Duration round_trip);

  /// True once after packets were given up, or are so late that a keyframe is the better hope.
  [[nodiscard]] bool take_keyframe_wish() noexcept;

  /// Time from a first request to its answer, once for each: a measure of the round trip.
  [[nodiscard]] std::optional<Duration> take_round_trip() noexcept { return std::exchange(round_trip_, {}); }

  [[nodiscard]] std::size_t missing() const noexcept { return missing_.size(); }
  [[nodiscard]] std::uint64_t given_up() const noexcept { return given_up_; }
  [[nodiscard]] std::uint64_t recovered() const noexcept { return recovered_; }

 private:
  struct Missing {
    Time since{}, asked{};
    int requests = 0;
    bool overdue = false;
  };
  bool recover(std::int64_t number, Time now);
  void give_up(std::map<std::int64_t, Missing>::iterator at);

  SequenceUnwrapper unwrap_;
  std::int64_t highest_ = -1;
  std::map<std::int64_t, Missing> missing_;
  std::uint64_t given_up_ = 0, recovered_ = 0;
  bool keyframe_wish_ = false;
  std::optional<Duration> round_trip_;
};

}  // namespace rtpx
