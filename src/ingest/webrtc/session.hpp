#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ingest/drops.hpp"
#include "ingest/feedback/rate.hpp"
#include "ingest/packet_sink.hpp"
#include "ingest/streams/stream_receiver.hpp"
#include "ingest/webrtc/dtls.hpp"
#include "ingest/webrtc/endpoint.hpp"
#include "ingest/webrtc/negotiation.hpp"

namespace rtpx {

/// One publisher, from the DTLS handshake to its end: decrypts and hands on to a StreamReceiver. No socket,
/// no thread, no clock: datagrams and times come in, datagrams go out by `send`. ICE is the endpoint's.
class Session {
 public:
  using Time = ReceiveClock::time_point;

  struct Config {
    std::string id;
    std::size_t max_ssrcs = 256;
    std::uint64_t max_bits_per_second = 0, max_bytes = 0;  ///< 0: no limit
    std::chrono::seconds max_duration{0};                  ///< 0: no limit
    std::chrono::milliseconds silence_timeout{15'000}, connect_timeout{30'000};
    std::uint32_t ssrc = 1;  ///< ours, in RTCP
  };

  Session(Config config, Negotiation negotiation, std::shared_ptr<DtlsContext> dtls,
          std::shared_ptr<PacketSink> sink, std::function<void(Bytes)> send, Time now);

  void on_dtls(Bytes datagram, Time now);
  /// SRTP or SRTCP; decrypts in place. True when it was authentic and new.
  bool on_srtp(std::span<std::byte> datagram, Time arrival);
  /// A STUN request with the right password was answered. `size` and `answer`: the bytes of both, 0 where it
  /// came from another address than the one that send() reaches.
  void on_ice_check(std::size_t size, std::size_t answer, Time now);
  /// The peer has answered a check of ours that went to where send() goes (RFC 7675).
  void on_consent(Time now);
  /// Until the handshake is done: send() reaches another address from now on.
  void on_moved() { dtls_.limit_until_answered(); }
  void tick(Time now);  ///< at next_tick(), or every 10 ms
  /// When tick() next has something to do, as far as is known now: whatever else is called may bring it
  /// nearer.
  [[nodiscard]] Time next_tick(Time now) const noexcept;
  void request_keyframes() { streams_.request_keyframes(); }
  /// StreamFeedback's; goes out with the next tick().
  void want_keyframes(Time now, std::chrono::nanoseconds apart) { streams_.want_keyframes(now, apart); }
  void close(SessionEnd reason);  ///< close_notify and BYE go out

  [[nodiscard]] std::optional<SessionEnd> ended() const noexcept { return ended_; }
  [[nodiscard]] bool connected() const noexcept { return static_cast<bool>(inbound_); }
  [[nodiscard]] const std::string& id() const noexcept { return config_.id; }
  [[nodiscard]] Negotiation& negotiation() noexcept { return negotiation_; }
  [[nodiscard]] SessionStats stats(Time now) const;
  [[nodiscard]] std::uint64_t feedback_sent() const noexcept { return feedback_sent_; }
  /// Hands on what still waits for its layer, and lets go of the sink.
  [[nodiscard]] std::shared_ptr<PacketSink> take_sink(Time now);

 private:
  void on_connected(Time now);
  void send_rtcp(const rtcp::Buffer& compound);
  void check_ends(Time now);

  Config config_;
  Negotiation negotiation_;
  std::function<void(Bytes)> send_;
  Dtls dtls_;
  Srtp inbound_, outbound_;
  DropCounts drops_;
  StreamReceiver streams_;
  RateMeter rate_;
  RateLimit limit_;
  std::optional<SessionEnd> ended_;
  Time started_, last_valid_, connected_at_{};
  std::uint64_t packets_ = 0, bytes_ = 0, checks_ = 0, feedback_sent_ = 0;
  bool dtls_started_ = false;
  std::vector<std::byte> scratch_;  // for encrypting
};

}  // namespace rtpx
