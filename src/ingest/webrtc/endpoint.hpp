#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/packet_sink.hpp"
#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Why a session ended.
enum class SessionEnd : std::uint8_t {
  closed,             ///< close(): DELETE, or the server's own decision
  close_notify,       ///< the publisher closed DTLS: pc.close(), page closed or reloaded
  bye,                ///< RTCP BYE for all its streams
  silence,            ///< no valid packet of any kind for Options::silence_timeout
  never_connected,    ///< no DTLS handshake within Options::connect_timeout, or its place was needed
  dtls_failed,        ///< the handshake was refused or broke
  wrong_fingerprint,  ///< the certificate is not the one that the offer announced
  shutdown,           ///< the endpoint is going away
};
/// Stable lower-case name, such as "close_notify".
[[nodiscard]] const char* to_string(SessionEnd reason) noexcept;

/// One SSRC that carries media (repair streams are counted with the media they repair).
struct StreamStats {
  std::uint32_t ssrc = 0;
  std::string rid;                       ///< empty without simulcast
  std::uint64_t packets = 0, bytes = 0;  ///< media packets as received; bytes with RTP header
  std::uint64_t repair_packets = 0;      ///< RTX and FEC
  std::uint64_t lost = 0;                ///< missing on first sight (RFC 3550 section A.3), repaired or not
  std::uint64_t recovered = 0;           ///< of these, came later or by RTX
  std::uint64_t unrepaired = 0;          ///< given up
  std::uint64_t nacks_sent = 0;          ///< sequence numbers asked for, retries included
  std::uint64_t plis_sent = 0;
  double jitter_ms = 0;               ///< interarrival jitter, RFC 3550 section 6.4.1
  std::uint64_t bits_per_second = 0;  ///< media and repair, over about the last second
};

struct TrackStats {
  std::string id;  ///< MediaStreamTrack::id
  std::string mid;
  MediaKind kind = MediaKind::video;
  std::string codec;                       ///< mime type last received; empty before the first packet
  std::optional<double> audio_level_dbov;  ///< RFC 6464, -127 (silent) to 0, loudest of the last second
  std::uint64_t rtcp_packets = 0;
  std::vector<StreamStats> streams;
};

struct SessionStats {
  std::string id;
  bool connected = false;      ///< DTLS is up
  std::string remote_address;  ///< "192.0.2.1:50000"; empty before the first valid STUN request
  std::chrono::milliseconds age{0};
  std::chrono::milliseconds silent_for{0};  ///< since the last valid packet of any kind
  std::optional<double> rtt_ms;
  std::uint64_t packets = 0, bytes = 0;  ///< RTP and RTCP, all tracks
  std::uint64_t bits_per_second = 0;
  std::uint64_t undecryptable = 0;   ///< SRTP that failed authentication
  std::uint64_t replayed = 0;        ///< SRTP outside the replay window
  std::uint64_t unknown_stream = 0;  ///< valid RTP that belongs to no m-line
  std::uint64_t over_limit = 0;      ///< dropped by Options::max_bits_per_second
  std::vector<TrackStats> tracks;
};

/// Counters of the whole endpoint, ended sessions included.
struct EndpointStats {
  std::size_t sessions = 0, connected_sessions = 0;
  std::uint64_t sessions_accepted = 0, sessions_ended = 0;
  std::uint64_t datagrams = 0, bytes = 0;
  std::uint64_t socket_drops = 0;    ///< datagrams that the kernel dropped because we were slow
  std::uint64_t stun_refused = 0;    ///< malformed, unknown user or wrong password
  std::uint64_t unknown_source = 0;  ///< datagrams from an address that belongs to no session
  std::uint64_t undecryptable = 0;
  std::uint64_t lost = 0, recovered = 0, nacks_sent = 0, plis_sent = 0, feedback_sent = 0;
};

/// What a session needs from its owner. `open` runs inside accept(), on its caller's thread. The others run
/// on the endpoint's notification thread, with no lock held and the sink already released by the endpoint
/// when `ended` runs: they may wait and may call anything but the endpoint's destructor. All may be empty but
/// `open`.
struct SessionHandlers {
  /// Makes the sink for the tracks negotiated (add them to a Recorder, then make_recorder_sink). A Recorder
  /// for each session needs a smaller Recorder::Options::queue_bytes than its default: 8 MiB holds seconds of
  /// one publisher. Its error becomes accept()'s error.
  std::function<Result<std::shared_ptr<PacketSink>>(const std::string& session_id,
                                                    std::span<const MediaStreamTrack> tracks)>
      open;
  /// The DTLS handshake is done and the certificate is the right one.
  std::function<void(const std::string& session_id)> connected;
  /// Exactly once for every session accepted; `last` is what stats() would have answered.
  std::function<void(const std::string& session_id, SessionEnd reason, const SessionStats& last)> ended;
};

/// The answer to accept().
struct AcceptedSession {
  std::string id;  ///< unguessable, [A-Za-z0-9_-]
  std::string answer_sdp;
  std::string ice_tag;                   ///< names the ICE session: WHIP's ETag (RFC 9725 section 4.3.1)
  std::vector<MediaStreamTrack> tracks;  ///< one for each accepted m-line
};

/// The answer to patch().
struct PatchedSession {
  std::optional<std::string>
      sdp_fragment;  ///< set when this was an ICE restart: answer 200 with it, else 204
  std::string ice_tag;
};

/// Receives WebRTC publishers: ICE-lite (RFC 8445), DTLS 1.2 (RFC 6347) and SRTP (RFC 5764) on one UDP port
/// for all sessions, and sends the RTCP feedback that keeps senders healthy.
///
/// Threads: every member may be called from any thread. One media thread receives, decrypts and hands packets
/// to the sinks; one notification thread runs SessionHandlers. No member waits for the network.
class WebRtcEndpoint {
 public:
  struct Options {
    std::uint16_t udp_port = 9000;  ///< 0: any free one
    /// Local addresses to listen on. Default: all of IPv4 and, where the machine has it, IPv6.
    std::vector<std::string> listen;
    /// Addresses put into answers, "203.0.113.7", "203.0.113.7:9001" or "[2001:db8::1]:9001", best first.
    /// Default: `listen`, or all of this machine's addresses, asked anew for each session.
    std::vector<std::string> advertise;

    std::size_t max_sessions = 200;
    std::size_t max_unconnected = 100;  ///< of these, without a DTLS handshake yet
    std::size_t max_tracks = 16;        ///< m-lines of audio and video in an offer
    std::size_t max_ssrcs = 64;         ///< per session; packets of further ones are dropped and counted
    std::size_t max_offer_bytes = 128U << 10;
    std::uint64_t max_bits_per_second = 0;  ///< per session, announced in the answer; what exceeds it by half
                                            ///< is dropped and counted; 0: no limit
    std::chrono::milliseconds silence_timeout{15'000};
    std::chrono::milliseconds connect_timeout{30'000};
    /// A session that is not connected after this ends early where its place is needed.
    std::chrono::milliseconds connect_grace{2'000};
    std::size_t receive_buffer =
        32U << 20;  ///< SO_RCVBUF, bytes; without privilege at most net.core.rmem_max
  };

  /// Binds the sockets and starts the threads. Errors: invalid_argument (an address), io, denied.
  [[nodiscard]] static Result<std::unique_ptr<WebRtcEndpoint>> start(Options options);

  WebRtcEndpoint(const WebRtcEndpoint&) = delete;
  WebRtcEndpoint& operator=(const WebRtcEndpoint&) = delete;
  /// Ends all sessions (SessionEnd::shutdown), runs their handlers and joins.
  ~WebRtcEndpoint();

  /// Answers an offer (RFC 8829, RFC 9725). The session waits for the publisher from then on.
  /// Errors: malformed (not SDP, no ICE or DTLS in it), unsupported (nothing in it that can be recorded),
  /// invalid_argument (over a limit of the offer), denied (too many sessions), and those of
  /// SessionHandlers::open.
  [[nodiscard]] Result<AcceptedSession> accept(std::string_view offer_sdp, SessionHandlers handlers);

  /// A trickle-ICE fragment (RFC 8840). Candidates are checked and ignored: the publisher's are not needed.
  /// New ICE credentials in it mean an ICE restart; media goes on meanwhile. Errors: not_found, malformed.
  [[nodiscard]] Result<PatchedSession> patch(std::string_view session_id, std::string_view sdp_fragment);

  /// Ends a session: close_notify to the publisher, then `ended`. Errors: not_found.
  Result<void> close(std::string_view session_id, SessionEnd reason = SessionEnd::closed);

  [[nodiscard]] std::optional<SessionStats> stats(std::string_view session_id) const;
  [[nodiscard]] std::vector<SessionStats> session_stats() const;
  [[nodiscard]] EndpointStats stats() const;

  /// The UDP port in use.
  [[nodiscard]] std::uint16_t udp_port() const noexcept;

 private:
  class Impl;
  explicit WebRtcEndpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rtpx
