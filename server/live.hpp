#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ingest/webrtc/endpoint.hpp"
#include "options.hpp"
#include "plain_ingests.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx::server {

/// A session that is being recorded: a WebRTC publisher, or an ingest of plain RTP.
struct LiveSession {
  std::string session_id, recording_id, name;
  std::optional<SessionStats> stats;
  Recorder::Stats recorder;
};

/// What the sender says of its recording.
struct SessionLabel {
  std::string name;       ///< free text
  std::string continues;  ///< the recording that it goes on with; empty: none
};

/// What keeps a publisher from connecting, as far as it can be told: a sentence that names the option; empty
/// where there is nothing to say.
[[nodiscard]] std::string why_not_connected(const SessionStats& stats, std::uint16_t udp_port);

/// A session that is over; everything is on disk.
struct EndedSession {
  std::string session_id;
  std::string recording_id;  ///< empty: it never sent a packet, and nothing was kept
  std::string reason;        ///< SessionEnd's or UdpEnd's name
  SessionStats stats;        ///< empty for plain RTP
  DropCounts dropped;        ///< what came and did not reach the recorder
  std::vector<TrackStats> tracks;
};

/// What a recording's life tells others. Called on threads of the endpoint or of recorders; may wait.
struct LiveEvents {
  std::function<void(const LiveSession& session)> started;
  std::function<void(const std::string& session_id, const std::string& recording_id)> connected;
  std::function<void(const EndedSession& session)> ended;
  std::function<void(const std::string& recording_id, const Event& event)> event;
};

/// Senders become recordings: one Recorder for each session of the endpoint and each ingest. Thread-safe.
class Live {
 public:
  /// Totals over all recorders, ended ones included.
  struct Totals {
    std::uint64_t packets = 0, bytes = 0, refused = 0, recordings = 0, empty = 0;
    std::map<std::string, std::uint64_t> refused_by;  ///< outcome's name
    std::size_t queued_bytes = 0;
    std::chrono::microseconds worst_flush{0}, worst_sync{0};
  };

  /// Errors: those of WebRtcEndpoint::start.
  [[nodiscard]] static Result<std::unique_ptr<Live>> start(const ServeOptions& options, LiveEvents events);
  ~Live();  ///< ends all sessions and recordings cleanly

  [[nodiscard]] Result<AcceptedSession> accept(const std::string& offer, const SessionLabel& label);
  [[nodiscard]] Result<PatchedSession> patch(const std::string& session_id, const std::string& fragment,
                                             std::optional<std::string_view> ice_tag);
  [[nodiscard]] Result<void> close(const std::string& session_id);

  /// Plain RTP in, as `sdp` announces it. Errors: those of PlainIngests::start.
  [[nodiscard]] Result<PlainIngest> ingest(std::string_view sdp, const SessionLabel& label,
                                           const UdpReceiver::Options& options);
  [[nodiscard]] Result<void> stop_ingest(const std::string& id) { return ingests_.stop(id); }
  [[nodiscard]] std::vector<PlainIngest> ingests() const { return ingests_.list(); }

  [[nodiscard]] std::vector<LiveSession> sessions() const;
  [[nodiscard]] bool is_recording(const std::string& recording_id) const;
  /// The recording of a session that is still live.
  [[nodiscard]] std::optional<std::string> recording_of(const std::string& session_id) const;
  [[nodiscard]] Totals totals() const;
  /// Datagrams that came and reached no recorder, of all senders.
  [[nodiscard]] DropCounts dropped() const;
  [[nodiscard]] EndpointStats endpoint() const { return endpoint_->stats(); }
  [[nodiscard]] std::uint16_t udp_port() const { return endpoint_->udp_port(); }

 private:
  struct Session {
    std::string recording_id, name;
    std::shared_ptr<Recorder> recorder;
  };

  Live(const ServeOptions& options, LiveEvents events);
  [[nodiscard]] Result<std::shared_ptr<PacketSink>> open(const std::string& session_id,
                                                         const SessionLabel& label,
                                                         std::span<const MediaStreamTrack> tracks);
  void end(EndedSession session);

  const ServeOptions& options_;
  LiveEvents events_;
  mutable std::mutex mutex_;
  std::map<std::string, Session> sessions_;
  Totals ended_;
  DropCounts ended_ingests_dropped_;
  // Last: their handlers use all of the above.
  PlainIngests ingests_;
  std::unique_ptr<WebRtcEndpoint> endpoint_;
};

}  // namespace rtpx::server
