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
/// the round trip allows: senders ignore a second request within one round trip. A sender that never answers
/// is asked for one packet in kProbeInterval from then on. Memory: at most kMaxMissing numbers, and
/// kMaxBefore more.
class NackGenerator {
 public:
  using Time = ReceiveClock::time_point;
  using Duration = std::chrono::nanoseconds;

  static constexpr std::size_t kMaxMissing = 1000;
  static constexpr int kMaxRequests = 10;  ///< for each packet
  static constexpr std::size_t kMaxBefore = 256, kBeforeAtOnce = 16;
  static constexpr std::chrono::seconds kProbeInterval{5};

  /// How long a sender may leave requests without an answer; no requests: it is never asked.
  struct Patience {
    std::uint64_t requests = 100;
    Duration time = std::chrono::seconds(3);
  };
  NackGenerator() = default;
  explicit NackGenerator(Patience patience) : patience_(patience) {}

  enum class Arrival : std::uint8_t { in_order, recovered, old };
  Arrival on_packet(std::uint16_t sequence, Time now);  ///< a media packet
  /// The original sequence number of a packet that came as RTX (RFC 4588 section 4). True when it was
  /// missing.
  bool on_retransmission(std::uint16_t sequence, Time now);
  /// The sequence numbers start anew (another stream under the same SSRC): forget all.
  void restart() noexcept;

  /// The first packet, or one before it, does not begin a frame: what comes before it in the frame is worth
  /// asking for. The sender may never have sent such numbers, so they count as lost only when they come.
  void want_before(std::uint16_t sequence, Time now);
  /// A frame begins here: nothing before it is wanted.
  void begin_at(std::uint16_t sequence) noexcept;

  [[nodiscard]] bool wants_before() const noexcept { return !before_.empty(); }

  /// What to ask for now, ascending. Also gives up what is too old.
  [[nodiscard]] std::vector<std::uint16_t> due(Time now, Duration round_trip);

  /// True once after packets were given up, or are so late that a keyframe is the better hope.
  [[nodiscard]] bool take_keyframe_wish() noexcept;

  /// Time from a first request to its answer, once for each: a measure of the round trip.
  [[nodiscard]] std::optional<Duration> take_round_trip() noexcept { return std::exchange(round_trip_, {}); }

  [[nodiscard]] std::size_t missing() const noexcept { return missing_.size(); }
  /// True while due() has something to wait for.
  [[nodiscard]] bool busy() const noexcept { return !missing_.empty() || !before_.empty() || keyframe_wish_; }
  [[nodiscard]] std::uint64_t given_up() const noexcept { return given_up_; }
  [[nodiscard]] std::uint64_t unanswered() const noexcept {
    return unanswered_;
  }  ///< of these, were asked for
  [[nodiscard]] std::uint64_t recovered() const noexcept { return recovered_; }

 private:
  struct Missing {
    Time since{}, asked{};
    int requests = 0;
    bool overdue = false;
  };
  using Numbers = std::map<std::int64_t, Missing>;

  bool recover(std::int64_t number, Time now);
  void give_up(Numbers::iterator at);
  [[nodiscard]] bool takes_requests(Time now);
  void ask(Numbers& numbers, Time now, Duration round_trip, int most, std::vector<std::uint16_t>& out);

  Patience patience_;
  SequenceUnwrapper unwrap_;
  std::int64_t highest_ = -1, first_ = -1;
  Numbers missing_;
  Numbers before_;  // numbers before the first packet
  std::uint64_t given_up_ = 0, unanswered_ = 0, recovered_ = 0;
  std::uint64_t unanswered_requests_ = 0;  // since the last answer
  Time unanswered_since_{}, probed_{};
  bool keyframe_wish_ = false;
  std::optional<Duration> round_trip_;
};

}  // namespace rtpx
