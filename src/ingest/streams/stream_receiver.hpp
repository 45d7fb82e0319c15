#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "ingest/drops.hpp"
#include "ingest/feedback/ccfb.hpp"
#include "ingest/feedback/rate.hpp"
#include "ingest/feedback/stream_feedback.hpp"
#include "ingest/feedback/transport_cc.hpp"
#include "ingest/packet_sink.hpp"
#include "ingest/streams/stream_stats.hpp"
#include "rtp/demux.hpp"

namespace rtpx {

/// RTP and RTCP of one transport, decrypted and authenticated: tells the streams apart, hands packets to the
/// sink, keeps their statistics and makes the RTCP that goes back. Of plain RTP and of WebRTC alike. No
/// socket, no thread, no clock. Memory: one entry for each of `max_sources` SSRCs; hundreds of packets wait
/// for their layer to be known.
class StreamReceiver {
 public:
  using Time = ReceiveClock::time_point;
  /// Takes one datagram's worth of RTCP.
  using Send = std::function<void(rtcp::Buffer& compound)>;

  struct Options {
    std::uint32_t ssrc = 1;         ///< ours, in RTCP
    std::size_t max_sources = 256;  ///< SSRCs at once; idle ones make place for new ones
    bool reference_times = true;    ///< reports ask for the round trip (XR, RFC 3611 section 4.4)
  };
  /// `tracks` and `drops` must stay where they are; what is not handed to the sink is counted in `drops`.
  StreamReceiver(const std::vector<NegotiatedTrack>& tracks, const Options& options, DropCounts& drops);

  void set_sink(std::shared_ptr<PacketSink> sink) noexcept { sink_ = std::move(sink); }
  /// Lets go of the sink; nothing is handed to it from then on.
  [[nodiscard]] std::shared_ptr<PacketSink> take_sink() noexcept { return std::move(sink_); }
  /// Called when an SSRC is forgotten, so that others who keep something for it can let go too.
  std::function<void(std::uint32_t ssrc)> on_forgotten;

  /// False: dropped, and counted.
  bool on_rtp(Bytes packet, Time arrival);
  bool on_rtcp(Bytes compound, Time arrival);
  /// The m-line that a packet seems to belong to, by what it says before it is authenticated. Learns nothing.
  [[nodiscard]] std::optional<std::size_t> guess_track(const RtpPacket& packet) const;
  /// Hands on what waits for its layer; nothing comes after it.
  void finish(Time now);

  /// The first report goes out at `when`.
  void report_from(Time when) noexcept { next_report_ = when; }
  /// Sends what is due: NACKs, keyframe requests, transport feedback, reports. Call every 10 to 20 ms.
  /// An empty `send`: there is no way back; nothing is asked for.
  void send_feedback(Time now, const Send& send);
  /// When send_feedback() next has something to do, as far as is known now: another packet may bring it
  /// nearer.
  [[nodiscard]] Time next_feedback(Time now) const noexcept;
  /// With the next feedback a keyframe of each stream of video is asked for.
  void request_keyframes() { feedback_.request_keyframes(); }
  /// BYE and the report before it (RFC 3550 section 6.6).
  [[nodiscard]] rtcp::Buffer bye() const;

  /// When all streams had said BYE, and none has gone on since.
  [[nodiscard]] std::optional<Time> bye_at() const noexcept { return bye_at_; }
  /// StreamFeedback's.
  void want_keyframes(Time now, std::chrono::nanoseconds apart) { feedback_.want_keyframes(now, apart); }
  [[nodiscard]] bool any_stream() const noexcept { return !feedback_.streams().empty(); }
  [[nodiscard]] std::optional<std::chrono::nanoseconds> round_trip() const noexcept {
    return feedback_.round_trip().smoothed();
  }
  [[nodiscard]] std::vector<TrackStats> stats(Time now) const;

 private:
  struct Track {
    std::uint64_t rtcp_packets = 0;
    std::uint8_t payload_type = 0xFF;         // of the last media packet
    std::uint8_t level = 127, loudest = 127;  // -dBov: of the second before, of this one
    bool level_known = false;
  };
  struct Waiting {
    std::vector<std::byte> packet;
    Time arrival;
  };

  Demux::Learned learn(const RtpPacket& packet, Time arrival);
  void forget(std::uint32_t ssrc);
  void deliver(const RtpPacket& packet, const Route& route, Time arrival);
  void on_congestion_control(const RtpPacket& packet, std::size_t track, Time arrival);
  static void on_audio_level(Track& track, const RtpPacket& packet, std::uint8_t id);
  void release_waiting();
  void settle_waiting(Time now, Time::duration patience);
  bool deliver_rtcp(Bytes compound, Time arrival);
  [[nodiscard]] rtcp::Buffer head(bool reduced_size) const;
  void send_congestion_feedback(Time now, const Send& send);
  void send_reports(Time now, const Send& send);
  [[nodiscard]] StreamStats stats_of(std::uint32_t ssrc, const StreamFeedback::Stream& stream,
                                     Time now) const;

  const std::vector<NegotiatedTrack>& tracks_;
  const Options options_;
  DropCounts& drops_;
  std::shared_ptr<PacketSink> sink_;
  Demux demux_;
  StreamFeedback feedback_;
  std::vector<Track> states_;          // of each track
  std::vector<Waiting> waiting_;       // packets whose layer is not known yet
  std::vector<Waiting> waiting_rtcp_;  // reports that came before the SSRC's first packet
  std::map<std::pair<std::size_t, std::uint8_t>, StreamStats> forgotten_;  // by track and rid index
  TransportCc transport_cc_;
  std::uint32_t transport_cc_media_ = 0;
  CongestionFeedback ccfb_;
  bool reduced_congestion_feedback_ = false;  // as the m-line of the last packet has it
  LossBasedEstimate remb_;
  RateMeter rate_;  // for remb_
  bool remb_only_ = false;
  std::optional<Time> first_, bye_at_;
  Time next_congestion_feedback_{}, next_report_{};
};

}  // namespace rtpx
