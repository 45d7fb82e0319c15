#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "ingest/feedback/rate.hpp"
#include "ingest/feedback/stream_feedback.hpp"
#include "ingest/feedback/transport_cc.hpp"
#include "ingest/packet_sink.hpp"
#include "ingest/webrtc/demux.hpp"
#include "ingest/webrtc/dtls.hpp"
#include "ingest/webrtc/endpoint.hpp"
#include "ingest/webrtc/negotiation.hpp"

namespace rtpx {

/// One publisher, from the DTLS handshake to its end: decrypts, learns the streams, hands packets to the sink
/// and makes the RTCP that goes back. No socket, no thread, no clock: datagrams and times come in, datagrams
/// go out by `send`. ICE is the endpoint's.
class Session {
 public:
  using Time = ReceiveClock::time_point;

  struct Config {
    std::string id;
    std::size_t max_ssrcs = 64;
    std::uint64_t max_bits_per_second = 0;
    std::chrono::milliseconds silence_timeout{15'000}, connect_timeout{30'000};
    std::uint32_t ssrc = 1;  ///< ours, in RTCP
  };

  Session(Config config, Negotiation negotiation, std::shared_ptr<DtlsContext> dtls,
          std::shared_ptr<PacketSink> sink, std::function<void(Bytes)> send, Time now);

  void on_dtls(Bytes datagram, Time now);
  /// SRTP or SRTCP; decrypts in place.
  void on_srtp(std::span<std::byte> datagram, Time arrival);
  void on_ice_check(Time now) { last_valid_ = now; }  ///< a STUN request with the right password
  void tick(Time now);                                ///< every 10 ms or so
  void close(SessionEnd reason);                      ///< close_notify and BYE go out

  [[nodiscard]] std::optional<SessionEnd> ended() const noexcept { return ended_; }
  [[nodiscard]] bool connected() const noexcept { return static_cast<bool>(inbound_); }
  [[nodiscard]] const std::string& id() const noexcept { return config_.id; }
  [[nodiscard]] Negotiation& negotiation() noexcept { return negotiation_; }
  [[nodiscard]] SessionStats stats(Time now) const;
  [[nodiscard]] std::uint64_t feedback_sent() const noexcept { return feedback_sent_; }
  /// Lets go of the sink; nothing is handed to it from then on.
  [[nodiscard]] std::shared_ptr<PacketSink> take_sink() noexcept { return std::move(sink_); }

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

  void on_connected(Time now);
  [[nodiscard]] bool may_decrypt(Bytes datagram, bool rtcp, Time arrival);
  void on_rtp(Bytes packet, Time arrival);
  void deliver(const RtpPacket& packet, const Route& route, Time arrival);
  void on_audio_level(Track& track, const RtpPacket& packet, std::uint8_t id);
  void release_waiting(std::uint32_t ssrc);
  void settle_waiting(Time now);
  void on_rtcp(Bytes compound, Time arrival);
  bool deliver_rtcp(Bytes compound, Time arrival);

  void send_transport_cc(Time now);
  void send_reports(Time now);
  [[nodiscard]] rtcp::Buffer begin_feedback() const;
  void send_rtcp(rtcp::Buffer& compound);
  void check_ends(Time now);

  Config config_;
  Negotiation negotiation_;
  std::shared_ptr<PacketSink> sink_;
  std::function<void(Bytes)> send_;
  Dtls dtls_;
  Srtp inbound_, outbound_;
  Demux demux_;
  StreamFeedback feedback_;
  std::vector<Track> tracks_;
  std::vector<Waiting> waiting_;                // packets whose rid is not known yet
  std::vector<Waiting> waiting_rtcp_;           // reports that came before the SSRC's first packet
  std::unordered_set<std::uint32_t> unrouted_;  // SSRCs that decrypted but have no route (yet)
  TransportCc transport_cc_;
  std::uint8_t transport_cc_id_ = 0;
  std::uint32_t transport_cc_media_ = 0;
  LossBasedEstimate remb_;
  RateMeter rate_;
  RateLimit limit_;
  bool reduced_size_ = true, remb_only_ = false;
  std::optional<SessionEnd> ended_;
  Time started_, last_valid_, next_transport_cc_{}, next_report_{}, connected_at_{};
  std::optional<Time> bye_at_;
  std::uint64_t packets_ = 0, bytes_ = 0, undecryptable_ = 0, replayed_ = 0, unknown_stream_ = 0,
                over_limit_ = 0;
  std::uint64_t feedback_sent_ = 0;
  std::vector<std::byte> scratch_;  // for encrypting
};

}  // namespace rtpx
