#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "ingest/drops.hpp"
#include "ingest/net/socket_address.hpp"
#include "ingest/packet_sink.hpp"
#include "ingest/webrtc/endpoint.hpp"
#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Why playing from a WHEP server ended.
enum class WhepEnd : std::uint8_t {
  stopped,       ///< the stop token
  gone,          ///< no connection could be had for Options::retry_for
  refused,       ///< the server refuses for good: what it answers will not change by waiting
  sink_failed,   ///< Open failed
  max_duration,  ///< Options::max_duration
  max_bytes,     ///< Options::max_bytes
};
/// Stable lower-case name, such as "gone".
[[nodiscard]] const char* to_string(WhepEnd reason) noexcept;

/// Plays from a server of WHEP (draft-ietf-wish-whep) and hands its packets to a sink, with the RTCP feedback of a
/// WebRTC receiver. A server's counter-offer (406) is answered. A full ICE agent (RFC 8445) with host and server-reflexive candidates by UDP, consent
/// freshness (RFC 7675), DTLS 1.2 as the answer's a=setup says (RFC 8842), SRTP. When the connection is lost, the
/// server is asked again, in growing intervals and not before its Retry-After.
class WhepReceiver {
 public:
  struct Options {
    std::string url;                ///< http or https
    std::string token;              ///< bearer token; empty: none. Sent to the server of `url` alone
    std::vector<std::string> stun;  ///< "stun:host:port"; those of the server's Link headers are used besides
    std::string listen;             ///< a local address for media; empty: all, IPv4 and IPv6
    /// Which addresses may be spoken to, of HTTP, STUN and the answer's candidates; empty: all. Any thread.
    std::function<bool(const SocketAddress&)> may_reach;
    std::chrono::milliseconds retry_for{60'000};  ///< without a connection; 0: the first failure ends it
    std::chrono::milliseconds silence_timeout{15'000};  ///< without any valid packet the connection is lost
    std::chrono::milliseconds connect_timeout{15'000};  ///< from the answer to the end of the DTLS handshake
    std::chrono::seconds max_duration{0};               ///< from the first connection; 0: no limit
    std::uint64_t max_bytes = 0;                        ///< of RTP and RTCP; 0: no limit
    std::uint64_t max_bits_per_second = 0;              ///< what exceeds it by half is dropped; 0: no limit
    std::size_t max_ssrcs = 256;                        ///< at once
    std::size_t receive_buffer = 8U << 20;              ///< SO_RCVBUF; the kernel may grant less
  };

  struct Handlers {
    /// Makes the sink for the tracks of an answer: once for each connection, those after the first too. Needed.
    std::function<Result<std::shared_ptr<PacketSink>>(std::span<const MediaStreamTrack> tracks)> open;
    /// DTLS is up.
    std::function<void()> connected;
    /// The connection is over, or could not be had: a sentence, and when it is tried again (nullopt: it is not).
    std::function<void(const Error& why, std::optional<std::chrono::milliseconds> again_in)> lost;
  };

  /// Errors: invalid_argument (url, token, listen, stun), internal (OpenSSL).
  [[nodiscard]] static Result<std::unique_ptr<WhepReceiver>> create(Options options, Handlers handlers);
  WhepReceiver(const WhepReceiver&) = delete;
  WhepReceiver& operator=(const WhepReceiver&) = delete;
  ~WhepReceiver();

  /// Plays on the calling thread, on which the handlers run too, until one of WhepEnd; then the server is told
  /// (DELETE), which may take 5 s. Call once.
  [[nodiscard]] WhepEnd run(const std::stop_token& stop);

  struct Stats {
    std::uint64_t connections = 0;  ///< that there were in all
    bool connected = false;
    std::optional<Error> last_error;    ///< why the last connection ended or could not be had
    SessionStats session;               ///< of the connection under way or the last one; `id` is empty
    std::uint64_t packets = 0, bytes = 0;  ///< RTP and RTCP of all connections
    DropCounts dropped;                 ///< of all connections
    std::vector<TrackStats> tracks;     ///< of all connections, the newest last
  };
  /// Any thread, also during run().
  [[nodiscard]] Stats stats() const;
  /// With the next feedback a keyframe of each picture is asked for. Any thread.
  void request_keyframes() noexcept;
  /// WebRtcEndpoint's. Any thread.
  void want_keyframes() noexcept;

 private:
  class Impl;
  explicit WhepReceiver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rtpx
