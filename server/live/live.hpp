#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "ingest/webrtc/endpoint.hpp"
#include "rtpx/recorder.hpp"
#include "server/live/live_recording.hpp"
#include "server/live/plain_ingests.hpp"
#include "server/live/pulls.hpp"
#include "server/options.hpp"

namespace rtpx::server {

/// A session that is being recorded: a WebRTC publisher, an ingest of plain RTP, or a pull from a WHEP server.
struct LiveSession {
  std::string session_id, recording_id, name;
  std::optional<SessionStats> stats;
  Recorder::Stats recorder;  ///< of a participant: of its tracks alone
  std::optional<LiveRecording::Participant> participant;
  bool pulled = false;  ///< from a WHEP server: we connect to it
  std::optional<ClockAnchor> clock = {};  ///< of a recording that has begun: LiveRecording::clock()
};

/// What keeps a publisher from connecting, as far as it can be told: a sentence that names the option; empty
/// where there is nothing to say.
[[nodiscard]] std::string why_not_connected(const SessionStats& stats);

/// A session that is over; its recording may go on.
struct EndedSession {
  std::string session_id;
  std::string recording_id;
  std::string reason;  ///< SessionEnd's, UdpEnd's or WhepEnd's name
  SessionStats stats;  ///< empty for plain RTP
  DropCounts dropped;  ///< what came and did not reach the recorder
  std::vector<TrackStats> tracks;
  std::optional<LiveRecording::Participant> participant;
};

/// A recording that is over; everything is on disk.
struct EndedRecording {
  std::string id;      ///< empty: nobody ever sent a packet, and nothing was kept
  std::string reason;  ///< its session's; "everyone_left", "ended" or "shutdown" where it had a key
  std::optional<ClockAnchor> clock = {};  ///< as it was
};

/// What a recording's life tells others. Called on threads of the endpoint or of recorders; may wait.
struct LiveEvents {
  std::function<void(const LiveSession& session)> started;  ///< a recording, by its first session
  std::function<void(const LiveSession& session)> joined;   ///< a session came to a recording with a key
  std::function<void(const std::string& session_id, const std::string& recording_id)> connected;
  std::function<void(const EndedSession& session)> left;
  std::function<void(const EndedRecording& recording)> ended;
  std::function<void(const std::string& recording_id, const Event& event)> event;
};

/// Senders become recordings: one for each session of the endpoint and each ingest, or one for all who name its
/// key, which ends ServeOptions::linger after the last one has left. Thread-safe.
class Live {
 public:
  /// Totals over all recorders, ended ones included.
  struct Totals {
    std::uint64_t packets = 0, bytes = 0, refused = 0, recordings = 0, empty = 0;
    std::map<std::string, std::uint64_t> refused_by;  ///< outcome's name
    std::size_t queued_bytes = 0;
    std::chrono::microseconds worst_flush{0}, worst_sync{0};
    std::chrono::microseconds oldest_unwritten{0}, oldest_unsynced{0};  ///< of recordings under way
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

  /// What a WHEP server plays becomes a recording, or a participant of one, from its first answer on. Answers the id at
  /// once. Errors: those of Pulls::start.
  [[nodiscard]] Result<std::string> pull(WhepReceiver::Options options, const SessionLabel& label);
  [[nodiscard]] Result<void> stop_pull(const std::string& id);
  [[nodiscard]] std::vector<Pull> pulls() const { return pulls_.list(); }

  [[nodiscard]] std::vector<LiveSession> sessions() const;
  [[nodiscard]] std::vector<std::shared_ptr<const LiveRecording>> recordings() const;
  [[nodiscard]] bool is_recording(const std::string& recording_id) const;
  /// Whether a recording with this key is under way.
  [[nodiscard]] bool has_key(const std::string& key) const;
  /// Somebody watches it: its senders are asked for keyframes where these are far apart.
  void want_keyframes(const std::string& recording_id);
  /// The recording of a session that is still live.
  [[nodiscard]] std::optional<std::string> recording_of(const std::string& session_id) const;
  /// Whose session it is; nullopt: a session of a recording without a key, or none.
  [[nodiscard]] std::optional<LiveRecording::Participant> participant_of(const std::string& session_id) const;

  // Of a recording under way, by its id. Errors: not_found besides those of Recorder's members.
  /// Ends its sessions, and then it. Waits for it where nobody sends any more.
  [[nodiscard]] Result<void> end_recording(const std::string& recording_id);
  /// Of the tracks with these ids; null: of the whole recording, which goes on with all its tracks. Its senders are then
  /// asked for keyframes.
  [[nodiscard]] Result<void> pause(const std::string& recording_id, const std::vector<std::string>* tracks,
                                   bool paused);
  [[nodiscard]] Result<void> mark(const std::string& recording_id, std::string_view text);
  struct Course {
    bool paused = false;
    std::vector<std::string> paused_tracks;  ///< ids; all while `paused`
    std::vector<std::string> present;  ///< ids of the participants who send now
  };
  [[nodiscard]] std::optional<Course> course(const std::string& recording_id) const;

  [[nodiscard]] Totals totals() const;
  /// Datagrams that came and reached no recorder, of all senders.
  [[nodiscard]] DropCounts dropped() const;
  [[nodiscard]] EndpointStats endpoint() const { return endpoint_->stats(); }

 private:
  Live(const ServeOptions& options, LiveEvents events);
  [[nodiscard]] Result<std::shared_ptr<PacketSink>> open(const std::string& session_id,
                                                         const SessionLabel& label,
                                                         std::span<const MediaStreamTrack> tracks);
  [[nodiscard]] Result<std::shared_ptr<LiveRecording>> recording_for(const SessionLabel& label,
                                                                     bool& is_new);
  [[nodiscard]] std::shared_ptr<LiveRecording> find(const std::string& recording_id) const;
  [[nodiscard]] Pulls::Handlers pull_handlers();
  [[nodiscard]] Result<std::shared_ptr<PacketSink>> open_pull(const std::string& id, bool first,
                                                              std::span<const MediaStreamTrack> tracks);
  void end(EndedSession session);
  void finish(const std::shared_ptr<LiveRecording>& recording, const std::string& reason);
  void watch_empty(const std::stop_token& stop);

  const ServeOptions& options_;
  LiveEvents events_;
  std::mutex sharing_;  // one recording with a key begins at a time
  mutable std::mutex mutex_;
  std::condition_variable_any emptied_;
  bool somebody_left_ = false;
  std::map<std::string, std::shared_ptr<LiveRecording>> sessions_, recordings_;  // by their ids
  std::set<std::string> finishing_;
  Totals ended_;
  DropCounts ended_ingests_dropped_;  // and of pulls
  std::map<std::string, SessionLabel> pull_labels_;
  std::jthread lingering_;  // ends recordings that nobody sends to
  // Last: their handlers use all of the above.
  PlainIngests ingests_;
  Pulls pulls_;
  std::unique_ptr<WebRtcEndpoint> endpoint_;
};

}  // namespace rtpx::server
