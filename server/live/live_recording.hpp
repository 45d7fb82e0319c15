#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/utc_time.hpp"
#include "ingest/drops.hpp"
#include "ingest/packet_sink.hpp"
#include "ingest/streams/returning_tracks.hpp"
#include "ingest/streams/stream_stats.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx::server {

/// What a sender says of its recording.
struct SessionLabel {
  std::string name;       ///< free text: the recording's; the participant's, where there is a key
  std::string continues;  ///< the recording that it goes on with; empty: none
  std::string key;        ///< who names the same one is recorded together; empty: it is recorded alone
  std::vector<std::string> labels;  ///< the recording's
  std::string resume;     ///< who comes back with it is the participant that it was; empty: a new one
};

/// A recording under way and those who send to it: one session, or, of a recording with a key, participants who
/// come and go. A participant that comes back goes on in its tracks where it sends in the same way as before.
/// Thread-safe.
class LiveRecording {
 public:
  /// Errors: those of Recorder::start.
  [[nodiscard]] static Result<std::shared_ptr<LiveRecording>> start(Recorder::Options options,
                                                                    const SessionLabel& label);

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& key() const noexcept { return key_; }
  [[nodiscard]] UtcTime began() const noexcept { return began_; }
  [[nodiscard]] bool shared() const noexcept { return !key_.empty(); }
  /// Null once it has ended.
  [[nodiscard]] std::shared_ptr<Recorder> recorder() const;
  /// What ties its receive times to the wall clock; nullopt: it has no track yet, or has ended.
  [[nodiscard]] std::optional<ClockAnchor> clock() const;

  struct Participant {
    std::string id, name, resume;
  };
  struct Joined {
    std::shared_ptr<PacketSink> sink;
    std::optional<Participant> participant;
  };
  /// A session begins to send `tracks`. `end_session` is called, before that, for a session in whose place it
  /// comes. Errors: those of Recorder::add_tracks and add_participant; not_found when the recording is ending.
  [[nodiscard]] Result<Joined> join(const std::string& session_id, const SessionLabel& label,
                                    std::span<const MediaStreamTrack> tracks,
                                    const std::function<void(const std::string& session_id)>& end_session);
  /// A session that has joined sends `tracks` from now on, as after its connection was lost: the sink for them.
  /// Errors: as of join(); not_found, too, when another session has come in its place.
  [[nodiscard]] Result<std::shared_ptr<PacketSink>> rejoin(const std::string& session_id,
                                                           std::span<const MediaStreamTrack> tracks);
  /// A session is over. True: nobody sends any more.
  bool leave(const std::string& session_id, const DropCounts& dropped, std::span<const TrackStats> tracks);

  [[nodiscard]] std::optional<Participant> participant_of(const std::string& session_id) const;
  [[nodiscard]] std::vector<std::string> sessions() const;
  /// The recorder's counts, of a participant's session those of its tracks alone.
  [[nodiscard]] Recorder::Stats stats(const std::string& session_id) const;
  /// Since when nobody has sent; nullopt: somebody does.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> empty_since() const;

  /// Nobody can join any more. True: by this call.
  [[nodiscard]] bool close();
  /// The same, where nobody sends; false too when somebody has come meanwhile.
  [[nodiscard]] bool close_if_empty();
  [[nodiscard]] bool closed() const;
  /// After close(): ends all tracks and lets go of the recorder, then all is on disk.
  struct End {
    std::filesystem::path folder;
    Recorder::Stats stats;
    std::optional<ClockAnchor> clock;
  };
  [[nodiscard]] End end(const std::string& reason);
  /// What the sessions left to be told of their reception.
  [[nodiscard]] DropCounts dropped() const;
  [[nodiscard]] std::vector<TrackStats> tracks() const;

 private:
  struct Member {
    Participant about;
    Recorder::Participant handle;
    ReturningTracks tracks;
    std::string session_id;  // empty: it is away
  };

  LiveRecording() = default;
  [[nodiscard]] Result<Member*> member_for(const SessionLabel& label);
  [[nodiscard]] Result<std::shared_ptr<PacketSink>> open_tracks(ReturningTracks& known, Recorder::Participant* scope,
                                                                std::span<const MediaStreamTrack> offered);

  std::string id_, name_, key_;
  const UtcTime began_ = utc_now();
  std::mutex joining_;  // one at a time: its disk is waited for
  mutable std::mutex mutex_;
  std::shared_ptr<Recorder> recorder_;
  std::vector<std::unique_ptr<Member>> members_;
  ReturningTracks tracks_alone_;  // without participants
  std::set<std::string> sessions_;
  std::optional<std::chrono::steady_clock::time_point> empty_since_;
  DropCounts dropped_;
  std::vector<TrackStats> tracks_;
  bool closed_ = false;
};

}  // namespace rtpx::server
