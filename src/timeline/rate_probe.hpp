#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace rtpx {

/// Finds out, from a segment's first packets, whether its RTP clock runs at the rate that was negotiated.
/// Some senders step Opus by 160 or 480 a packet, or count video in milliseconds.
class RateProbe {
 public:
  struct Packet {
    std::int64_t rtp_time, receive_ms, sequence;
    std::int64_t event_rtp_time = 0, event_duration = 0;  ///< of the last telephone event before it
  };

  explicit RateProbe(std::uint32_t negotiated = 1) : negotiated_(negotiated) {}

  /// `duration_ns`: how long the packet plays by its own payload; 0: not known. False once the rate is
  /// settled: then nothing is taken any more.
  bool push(const Packet& packet, std::int64_t duration_ns);
  [[nodiscard]] bool settled() const noexcept { return settled_; }
  /// Ends the search with what is known.
  void settle();
  /// The negotiated one, unless packets say another.
  [[nodiscard]] std::uint32_t rate() const noexcept { return rate_; }
  /// What was pushed: it is to be looked at with the rate found.
  [[nodiscard]] std::vector<Packet> take_packets() { return std::exchange(packets_, {}); }

 private:
  void vote_by_duration(const Packet& packet);
  void vote_by_arrival(const Packet& packet);
  [[nodiscard]] bool agreed(const std::map<std::uint32_t, int>& votes, int fewest) const;
  /// The rate that most votes name; the negotiated one where they are few or a part of them names that.
  [[nodiscard]] std::uint32_t elected(const std::map<std::uint32_t, int>& votes, int fewest) const;

  std::uint32_t negotiated_ = 1, rate_ = 1;
  bool settled_ = false;
  std::vector<Packet> packets_;
  std::int64_t last_duration_ns_ = 0;
  std::map<std::uint32_t, int> by_duration_, by_arrival_;  // 0: no rate that is in use
  Packet window_{};                                        // where the current second of arrivals began
};

}  // namespace rtpx
