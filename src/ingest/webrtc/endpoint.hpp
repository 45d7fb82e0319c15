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

#include "ingest/drops.hpp"
#include "ingest/packet_sink.hpp"
#include "ingest/streams/stream_stats.hpp"
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
  max_duration,       ///< Options::max_duration
  max_bytes,          ///< Options::max_bytes
  replaced,           ///< close(): the publisher came back in another session
  shutdown,           ///< the endpoint is going away
};
/// Stable lower-case name, such as "close_notify".
[[nodiscard]] const char* to_string(SessionEnd reason) noexcept;

struct SessionStats {
  std::string id;
  bool connected = false;      ///< DTLS is up
  std::uint16_t udp_port = 0;  ///< ours, of its media thread
  std::string remote_address;  ///< "192.0.2.1:50000"; empty before the first valid STUN request
  std::chrono::milliseconds age{0};
  std::chrono::milliseconds silent_for{0};  ///< since the last valid packet of any kind
  std::uint64_t stun_checks = 0;            ///< valid ones
  std::optional<double> rtt_ms;
  std::uint64_t packets = 0, bytes = 0;  ///< RTP and RTCP, all tracks: handed to the sink, or waiting to be
  std::uint64_t bits_per_second = 0;
  DropCounts dropped;  ///< what was addressed to the session and is not in `packets`
  std::vector<TrackStats> tracks;
};

/// Counters of the whole endpoint, ended sessions included.
struct EndpointStats {
  std::size_t sessions = 0, connected_sessions = 0;
  std::uint64_t sessions_accepted = 0, sessions_ended = 0;
  std::uint64_t datagrams = 0, bytes = 0;
  std::uint64_t stun = 0, dtls = 0;  ///< of these, taken as such
  std::uint64_t media_packets = 0;   ///< of these, RTP and RTCP that was recorded
  DropCounts dropped;                ///< the rest, and what the kernel dropped before
  std::uint64_t lost = 0, recovered = 0, nacks_sent = 0, nacks_unanswered = 0, plis_sent = 0,
                feedback_sent = 0;
  EndpointStats& operator+=(const EndpointStats& other) noexcept;
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
  bool outdated = false;  ///< `ice_tag` of the call was another session's: nothing was changed, answer 412
};

/// Receives WebRTC publishers: ICE-lite (RFC 8445), DTLS 1.2 (RFC 6347) and SRTP (RFC 5764), and sends the
/// RTCP feedback that keeps senders healthy. All sessions of a media thread share its UDP port.
///
/// Threads: every member may be called from any thread but from within a sink. The media threads receive,
/// decrypt and hand packets to the sinks, and take no lock for it: who wants something of a session,
/// statistics too, asks its thread and waits for some milliseconds at most. One notification thread runs
/// SessionHandlers. No member waits for the network.
class WebRtcEndpoint {
 public:
  struct Options {
    std::uint16_t udp_port = 9000;  ///< the first media thread's, the others' follow it; 0: any free ones
    std::size_t media_threads = 1;  ///< 1 to 64; a session belongs to the one that had the fewest
    /// Local addresses to listen on. Default: all of IPv4 and, where the machine has it, IPv6.
    std::vector<std::string> listen;
    /// Addresses put into answers, "203.0.113.7", "203.0.113.7:9001" or "[2001:db8::1]:9001", best first.
    /// A port in them is the first media thread's, and the others' follow it. Default: `listen`, or all of
    /// this machine's addresses, asked anew for each session.
    std::vector<std::string> advertise;

    std::size_t max_sessions = 200;
    std::size_t max_unconnected = 100;  ///< of these, without a DTLS handshake yet
    std::size_t max_tracks = 16;        ///< m-lines of audio and video in an offer
    std::size_t max_ssrcs = 256;        ///< per session at once; idle ones make place for new ones
    std::size_t max_offer_bytes = 128U << 10;
    std::uint64_t max_bits_per_second = 0;  ///< per session, announced in the answer; what exceeds it by half
                                            ///< is dropped and counted; 0: no limit
    std::uint64_t max_bytes = 0;            ///< of RTP and RTCP per session, which ends then; 0: no limit
    std::chrono::seconds max_duration{0};   ///< of a session, from its connection; 0: no limit
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
  /// New ICE credentials in it mean an ICE restart; media goes on meanwhile. `ice_tag` is what the publisher
  /// takes the ICE session's to be (If-Match, RFC 9725 section 4.3.1); nullopt: any. Errors: not_found,
  /// malformed.
  [[nodiscard]] Result<PatchedSession> patch(std::string_view session_id, std::string_view sdp_fragment,
                                             std::optional<std::string_view> ice_tag = std::nullopt);

  /// Somebody watches the session: asks its sender for a keyframe of each picture that has had none for two
  /// seconds, at most every two seconds. Errors: not_found.
  Result<void> want_keyframes(std::string_view session_id);

  /// Ends a session: close_notify to the publisher, then `ended`. Errors: not_found.
  Result<void> close(std::string_view session_id, SessionEnd reason = SessionEnd::closed);

  /// Asks the publisher for a keyframe of each of its pictures: a recorder that left something out needs one.
  /// Errors: not_found.
  Result<void> request_keyframes(std::string_view session_id);

  [[nodiscard]] std::optional<SessionStats> stats(std::string_view session_id) const;
  [[nodiscard]] std::vector<SessionStats> session_stats() const;
  [[nodiscard]] EndpointStats stats() const;

  /// The UDP port in use, of the first media thread.
  [[nodiscard]] std::uint16_t udp_port() const noexcept;

 private:
  class Impl;
  explicit WebRtcEndpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rtpx
