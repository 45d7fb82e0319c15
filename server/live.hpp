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
#include "rtpx/recorder.hpp"

namespace rtpx::server {

/// A session that is being recorded.
struct LiveSession {
  std::string session_id, recording_id, name;
  std::optional<SessionStats> stats;
  Recorder::Stats recorder;
};

/// What a recording's life tells others. Called on threads of the endpoint or of recorders; may wait.
struct LiveEvents {
  std::function<void(const std::string& recording_id, const std::string& name)> started;
  /// Everything is on disk. `reason` is SessionEnd's name.
  std::function<void(const std::string& recording_id, const std::string& reason)> ended;
  std::function<void(const std::string& recording_id, const Event& event)> event;
};

/// Publishers become recordings: one Recorder for each session of the endpoint. Thread-safe.
class Live {
 public:
  /// Totals over all recorders, ended ones included.
  struct Totals {
    std::uint64_t packets = 0, bytes = 0, refused = 0, recordings = 0, empty = 0;
    std::size_t queued_bytes = 0;
    std::chrono::microseconds worst_flush{0}, worst_sync{0};
  };

  /// Errors: those of WebRtcEndpoint::start.
  [[nodiscard]] static Result<std::unique_ptr<Live>> start(const ServeOptions& options, LiveEvents events);
  ~Live();  ///< ends all sessions and recordings cleanly

  [[nodiscard]] Result<AcceptedSession> accept(const std::string& offer, const std::string& name);
  [[nodiscard]] Result<PatchedSession> patch(const std::string& session_id, const std::string& fragment);
  [[nodiscard]] Result<void> close(const std::string& session_id);

  [[nodiscard]] std::vector<LiveSession> sessions() const;
  [[nodiscard]] bool is_recording(const std::string& recording_id) const;
  /// The recording of a session that is still live.
  [[nodiscard]] std::optional<std::string> recording_of(const std::string& session_id) const;
  [[nodiscard]] Totals totals() const;
  [[nodiscard]] EndpointStats endpoint() const { return endpoint_->stats(); }
  [[nodiscard]] std::uint16_t udp_port() const { return endpoint_->udp_port(); }

 private:
  struct Session {
    std::string recording_id, name;
    std::shared_ptr<Recorder> recorder;
  };

  Live(const ServeOptions& options, LiveEvents events) : options_(options), events_(std::move(events)) {}
  [[nodiscard]] Result<std::shared_ptr<PacketSink>> open(const std::string& session_id,
                                                         const std::string& name,
                                                         std::span<const MediaStreamTrack> tracks);
  void end(const std::string& session_id, SessionEnd reason);

  const ServeOptions& options_;
  LiveEvents events_;
  mutable std::mutex mutex_;
  std::map<std::string, Session> sessions_;
  Totals ended_;
  std::unique_ptr<WebRtcEndpoint> endpoint_;  // last: its handlers use all of the above
};

}  // namespace rtpx::server
