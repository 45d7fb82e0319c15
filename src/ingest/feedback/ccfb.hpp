#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "ingest/feedback/rtcp_feedback.hpp"
#include "rtp/unwrap.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Congestion control feedback of RFC 8888: of each SSRC, which packets arrived and when. Memory:
/// kMaxArrivals of each SSRC between two write()s, and one entry for each SSRC that was heard of since
/// forget().
class CongestionFeedback {
 public:
  using Time = ReceiveClock::time_point;

  void on_packet(std::uint32_t ssrc, std::uint16_t sequence, Time arrival);
  void forget(std::uint32_t ssrc) { streams_.erase(ssrc); }
  /// True when packets arrived since the last write().
  [[nodiscard]] bool pending() const noexcept { return pending_; }

  /// The packets that say what came since the last call, and what is missing between; each fits a datagram.
  [[nodiscard]] std::vector<rtcp::Buffer> write(std::uint32_t sender, Time now);

  static constexpr std::size_t kMaxArrivals = 2048;

 private:
  struct Stream {
    SequenceUnwrapper unwrap;
    std::map<std::int64_t, Time> arrivals;  // by unwrapped number
    std::int64_t next = -1;                 // the first number not reported yet
  };
  std::map<std::uint32_t, Stream> streams_;
  bool pending_ = false;
};

/// One report as the sender reads it; for tests and the test publisher.
struct CongestionReport {
  std::uint32_t ssrc = 0;
  std::uint16_t first = 0;
  /// Of each packet from `first` on: how long before the report it arrived, in 1/1024 s; nullopt: it did not.
  std::vector<std::optional<std::uint16_t>> packets;
};
/// Empty for other packets, and where it is malformed. Total.
[[nodiscard]] std::vector<CongestionReport> read_ccfb(const rtcp::Block& block);

}  // namespace rtpx
