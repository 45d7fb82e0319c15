#pragma once

#include <cstdint>
#include <optional>

#include "ingest/feedback/rtcp_feedback.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// What a receiver knows of one SSRC for its reports (RFC 3550 sections A.1, A.3, A.8).
class ReceiverStatistics {
 public:
  using Time = ReceiveClock::time_point;

  enum class Step : std::uint8_t {
    normal,
    suspect,    ///< far from the last: counted only if the next one follows it
    restarted,  ///< the second packet of a new sequence: the statistics start anew
  };
  /// A media packet. `clock_rate` in Hz, 0 when not known (no jitter then).
  Step on_packet(std::uint16_t sequence, std::uint32_t timestamp, std::uint32_t clock_rate, Time arrival);
  void on_sender_report(std::uint64_t ntp, Time arrival) noexcept;

  /// A report on what came since the last one.
  [[nodiscard]] rtcp::ReportBlock report(std::uint32_t ssrc, Time now) noexcept;

  [[nodiscard]] bool started() const noexcept { return started_; }
  [[nodiscard]] double jitter_ms() const noexcept;
  /// Expected minus received since the (re)start, never below zero.
  [[nodiscard]] std::uint64_t lost() const noexcept;

 private:
  static constexpr std::uint16_t kMaxDropout = 3000, kMaxMisorder = 1000;

  void start(std::uint16_t sequence) noexcept;
  void update_jitter(std::uint32_t timestamp, std::uint32_t clock_rate, Time arrival);
  [[nodiscard]] std::uint32_t extended_highest() const noexcept { return cycles_ << 16 | highest_; }
  [[nodiscard]] std::int64_t expected() const noexcept {
    return std::int64_t{extended_highest()} - base_ + 1;
  }

  bool started_ = false;
  std::uint16_t highest_ = 0, base_ = 0;
  std::uint32_t cycles_ = 0;
  std::optional<std::uint16_t> suspect_;  // the sequence number that would prove a restart
  std::uint64_t received_ = 0;
  std::int64_t expected_before_ = 0, received_before_ = 0;
  double jitter_ = 0;  // timestamp units
  std::uint32_t clock_rate_ = 0;
  std::optional<std::uint32_t> last_transit_;
  std::uint32_t last_timestamp_ = 0;
  std::uint32_t last_sr_ = 0;
  Time last_sr_at_{};
};

}  // namespace rtpx
