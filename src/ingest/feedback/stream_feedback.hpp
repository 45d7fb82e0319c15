#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ingest/feedback/nack_generator.hpp"
#include "ingest/feedback/rate.hpp"
#include "ingest/feedback/receiver_statistics.hpp"
#include "ingest/webrtc/demux.hpp"
#include "rtp/rtcp.hpp"

namespace rtpx {

/// What a receiver knows of the media SSRCs of one sender, and what it has to say about them: report blocks,
/// NACKs, keyframe requests. No I/O, no clock. Memory: one entry for each SSRC that the Demux admits.
class StreamFeedback {
 public:
  using Time = ReceiveClock::time_point;

  struct Stream {
    Route route;
    ReceiverStatistics statistics;
    NackGenerator nack;
    RateMeter rate;
    std::uint64_t packets = 0, bytes = 0, repair_packets = 0, nacks = 0, plis = 0;
    std::uint8_t fir_number = 0;
    bool keyframe_wanted = true, said_bye = false;
    Time last_keyframe_request{};
  };
  using Streams = std::unordered_map<std::uint32_t, Stream>;

  /// `tracks` must stay where they are; `own_ssrc` signs what is written.
  StreamFeedback(const std::vector<NegotiatedTrack>& tracks, std::uint32_t own_ssrc);

  void on_media(const RtpPacket& packet, const Route& route, Time arrival);
  /// RTX or FEC for the SSRC `media`.
  void on_repair(const RtpPacket& packet, const Route& route, std::uint32_t media, Time arrival);
  void on_rtcp(const RtcpSummary& summary, Time arrival);
  void on_round_trip(std::chrono::nanoseconds sample) noexcept { round_trip_.sample(sample); }

  /// NACKs and keyframe requests that are due, where the description allows them; each begins with `head` and
  /// fits a datagram.
  [[nodiscard]] std::vector<rtcp::Buffer> requests(const rtcp::Buffer& head, Time now);
  /// On what came since the last reports; at most rtcp::kMaxReportBlocks.
  [[nodiscard]] std::vector<rtcp::ReportBlock> reports(Time now);

  [[nodiscard]] const Streams& streams() const noexcept { return streams_; }
  [[nodiscard]] const RoundTrip& round_trip() const noexcept { return round_trip_; }
  /// True when there is a stream and none goes on.
  [[nodiscard]] bool all_said_bye() const noexcept;

 private:
  void request_packets(std::uint32_t ssrc, Stream& stream, const rtcp::Buffer& head, Time now,
                       std::vector<rtcp::Buffer>& out);
  void request_keyframe(std::uint32_t ssrc, Stream& stream, Time now, rtcp::Buffer& out);

  const std::vector<NegotiatedTrack>& tracks_;
  const std::uint32_t own_ssrc_;
  std::vector<std::array<std::uint32_t, 128>> clock_rates_;  // of each track, by payload type
  Streams streams_;
  RoundTrip round_trip_;
};

}  // namespace rtpx
