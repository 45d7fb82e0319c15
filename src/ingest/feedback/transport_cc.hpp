#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "ingest/feedback/rtcp_feedback.hpp"
#include "rtp/unwrap.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01
/// section 3.1): which packets of a session arrived and when. Without it Chromium stays at 300 kbit/s.
/// Memory: at most kWindow arrivals.
class TransportCc {
 public:
  void on_packet(std::uint16_t sequence, ReceiveClock::time_point arrival);

  /// True when packets arrived since the last write().
  [[nodiscard]] bool pending() const noexcept { return pending_; }

  /// Appends feedback for all packets since the last call, and for those missing between them; `media` is any
  /// SSRC of the sender. Several RTCP packets where one does not hold it.
  void write(rtcp::Buffer& out, std::uint32_t sender, std::uint32_t media);

  static constexpr std::int64_t kWindow = 8192;

 private:
  struct Arrival {
    std::int64_t number;  // unwrapped
    ReceiveClock::time_point at;
  };
  using Arrivals = std::deque<Arrival>;  // ascending; nearly all are put at the end

  [[nodiscard]] Arrivals::iterator from(std::int64_t number);
  std::int64_t write_one(rtcp::Buffer& out, std::uint32_t sender, std::uint32_t media, std::int64_t base,
                         std::int64_t end);

  SequenceUnwrapper unwrap_;
  Arrivals arrivals_;
  std::int64_t next_ = -1;  // first sequence number not reported yet; -1: nothing received
  std::uint8_t count_ = 0;
  bool pending_ = false;
};

/// One packet of feedback as the sender reads it; for tests and the test publisher.
struct TransportCcReport {
  struct Status {
    std::uint16_t sequence = 0;
    bool received = false;
    std::int64_t arrival_us = 0;  ///< since the receiver's own start; only where received
  };
  std::uint32_t media = 0;
  std::uint8_t count = 0;
  std::vector<Status> statuses;
};
/// nullopt: another packet, or malformed. Total.
[[nodiscard]] std::optional<TransportCcReport> read_transport_cc(const rtcp::Block& block);

}  // namespace rtpx
