#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "rtpx/event.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "rtpx/sealed.hpp"
#include "rtpx/track.hpp"
#include "rtpx/uploader.hpp"

namespace rtpx {

class FileSystem;  // src/base/file_system.hpp; tests pass one that fails

/// What became of a packet. Whatever is not `accepted` is lost, and counted under its outcome in stats().
enum class Outcome : std::uint8_t {
  accepted,
  queue_full,  ///< the disk cannot keep up and the memory bound is reached
  disk_full,   ///< no space left; recording goes on by itself when there is room
  unknown_track,
  unknown_rid,
  ended,      ///< the track or the recorder has ended
  too_large,  ///< over 65,535 bytes
  failed,     ///< the recorder gave up (event::Failed)
  paused,     ///< the recording or the track is paused; what was not to be recorded is not lost
};

/// What a caller may know of a packet beyond its bytes.
struct PacketInfo {
  std::optional<ReceiveClock::time_point>
      arrival;                   ///< default: now. Times that go back within a track are clamped.
  const Codec* codec = nullptr;  ///< codec of this packet's payload type; recorded when new to the track
};

/// The answer to end_tracks().
struct EndedTracks {
  Manifest manifest;                    ///< the ended tracks
  std::optional<UploadTaskRef> upload;  ///< set when an uploader is configured
};

/// Records the RTP packets of live tracks into `<folder>/<track id>.rtpx`, their RTCP into `.rtcpx`, and
/// keeps
/// `<folder>/manifest.json` naming them. File layout: docs/record-file-format.md.
///
/// Threads: every member may be called from any thread. record() does no I/O and never waits for the disk;
/// the only system call that it may make is a futex, where two threads meet in a lock that is held for some
/// tens of instructions, and to wake the writer when a quarter of the memory is used. Internal threads own
/// the files. The destructor ends all tracks, waits until they are on disk, and must not run in a callback.
/// Durability: what record() accepted longer ago than Stats::oldest_unwritten is readable after a process
/// crash, what it accepted longer ago than Stats::oldest_unsynced after power loss: flush_interval and
/// sync_interval where machine and disk keep up (docs/crash-safety.md).
class Recorder {
 public:
  enum class LowSpacePolicy : std::uint8_t {
    refuse,           ///< refuse packets when the disk is full
    drop_layers,      ///< at low space, refuse the lowest-value simulcast layers first
    delete_uploaded,  ///< at low space, delete local files whose upload was verified
  };

  /// How much longer than Options::flush_interval a packet may wait before event::WritesLate.
  static constexpr std::chrono::milliseconds kLate{500};

  struct Options {
    /// Folder of recordings; created when missing. Each recorder makes its own `YYYYMMDD-HHMMSS` folder in
    /// it.
    std::filesystem::path base_dir = "./recordings";
    /// When not empty: the recording's folder itself, instead of a dated one. Must be new or empty.
    std::filesystem::path folder;
    std::string name;       ///< free text, kept in recording.json; change_description() alters it and what follows
    std::vector<std::string> labels;              ///< words to find it by; kept there too
    std::map<std::string, std::string> metadata;  ///< whatever else belongs to it; kept there too
    std::string continues;  ///< folder name of the recording that this one goes on with, kept there too
    std::string key;  ///< who names the same one, elsewhere too, is recorded together with it; kept there too
    /// Runs after every (re)start, on the dispatcher thread at restarts and inside start() at first; returns
    /// tracks to add.
    std::function<std::vector<MediaStreamTrack>(class Recorder&)> on_start;
    EventSink event_sink;
    std::shared_ptr<Uploader> uploader;  ///< finished tracks are handed to it; see s3.hpp
    bool upload_while_recording = false;

    std::size_t queue_bytes = 128U << 20;  ///< memory for all tracks together; beyond it: queue_full
    std::chrono::milliseconds flush_interval{
        100};  ///< stay of an accepted packet in our memory, where there is time; > 0
    std::chrono::milliseconds sync_interval{1000};  ///< longest time until accepted data is synced; 0: never
    bool checksums = true;                          ///< keep the checksum and time index

    std::uint64_t low_space_bytes = 1U
                                    << 30;  ///< event::DiskSpace low below it; at most a quarter of the disk
    std::uint64_t full_space_bytes =
        64U << 20;  ///< packets are refused below it; at most a sixteenth of the disk
    LowSpacePolicy on_low_space = LowSpacePolicy::refuse;

    std::uint64_t rotate_bytes = 0;        ///< start a new file of a track beyond this size; 0: never
    std::chrono::seconds rotate_after{0};  ///< … or this age; 0: never
    std::chrono::milliseconds silence_after{5000};  ///< TrackFlow{false} after this long without packets
    int max_restarts = 3;                           ///< within restart_window, then event::Failed
    std::chrono::milliseconds restart_window{5000};
    /// Longest wait of add_tracks, end_tracks (20 ms more for each file), flush and the destructor.
    std::chrono::milliseconds end_timeout{10000};

    /// Anchor of receive times to wall clock when packets carry their own arrival times (imports). Default:
    /// now.
    std::optional<ClockAnchor> clock;
    /// When not empty: everything is sealed for them as it is written, and nothing on this machine can open it again
    /// (docs/sealed-files.md). recording.json stays readable, without names, labels and marks.
    std::vector<Recipient> recipients;
    FileSystem* file_system = nullptr;  ///< must outlive the recorder; null: the operating system's
  };

  /// Starts a recorder. Errors: invalid_argument, already_exists, io, no_space, denied: what fails before the
  /// first file. Later failures are events.
  [[nodiscard]] static Result<std::unique_ptr<Recorder>> start(Options options);

  /// As start(), with lifetimes tied both ways: a stop requested on `owner` ends the recorder cleanly, and
  /// the recorder's death (event::Failed or destruction) requests stop on `owner`.
  [[nodiscard]] static Result<std::unique_ptr<Recorder>> start_link(Options options, std::stop_source owner);

  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();

  /// Adds tracks and publishes the manifest. All or nothing. Returns the manifest of these tracks.
  /// Errors: already_exists (an id that was ever added), invalid_argument, io, no_space, storage_failed.
  [[nodiscard]] Result<Manifest> add_tracks(std::span<const MediaStreamTrack> tracks);

  /// A live track, found once: record() through it skips the id look-up. Copyable; outlives the recorder
  /// harmlessly (then every call answers Outcome::ended).
  class Track {
   public:
    Track() = default;
    /// Takes a copy of one RTP packet, header included, SRTP removed. `rid_index` is the position in
    /// MediaStreamTrack::rids, 0 without simulcast.
    Outcome record(std::uint8_t rid_index, std::span<const std::byte> packet,
                   const PacketInfo& info = {}) noexcept;
    /// Takes a copy of one RTCP compound packet that arrived for this track (RFC 3550 section 6).
    Outcome record_rtcp(std::span<const std::byte> packet,
                        std::optional<ReceiveClock::time_point> arrival = {}) noexcept;

   private:
    friend class Recorder;
    friend struct RecorderImpl;
    std::shared_ptr<void> state_;
  };

  /// Errors: not_found.
  [[nodiscard]] Result<Track> track(std::string_view track_id);

  /// One of several who are recorded together: what it adds is its own, whatever names the others use. Tracks
  /// and streams get ids of `id() + "." + their own id`, and the manifest says whose they are. All participants
  /// of a recorder are on its clock; they may come and go at any time. Copyable; outlives the recorder
  /// harmlessly (then nothing can be added any more).
  class Participant {
   public:
    Participant() = default;
    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    /// The recorder's id of a track that this participant calls `own_id`: what Recorder's members take.
    [[nodiscard]] std::string track_id(std::string_view own_id) const;
    /// As Recorder::add_tracks(), with ids and streams that are unique within the participant. A track without
    /// a stream belongs to the participant's own. The manifest has the recorder's ids.
    [[nodiscard]] Result<Manifest> add_tracks(std::span<const MediaStreamTrack> tracks);
    /// Errors: not_found.
    [[nodiscard]] Result<Track> track(std::string_view own_id) const;
    /// Ends its tracks that are still live; it may add others later. Errors: those of end_tracks().
    [[nodiscard]] Result<EndedTracks> end_tracks(std::string_view end_reason = "left");

   private:
    friend struct RecorderImpl;
    std::string id_;
    std::shared_ptr<struct RecorderImpl> impl_;
  };

  /// Adds a participant and names it in recording.json. `name` is for people; several may have the same.
  /// `id`: 1 to 64 of [A-Za-z0-9_-], new to this recorder; empty: "p1", "p2", …. Errors: already_exists,
  /// invalid_argument (id, over 4,096 bytes of name, over 10,000 participants), io, no_space, storage_failed.
  [[nodiscard]] Result<Participant> add_participant(std::string_view name, std::string_view id = {});

  /// Takes a copy of one RTP packet for `track_id`; `rid` is nullopt without simulcast.
  Outcome record(std::string_view track_id, std::optional<std::string_view> rid,
                 std::span<const std::byte> packet, const PacketInfo& info = {}) noexcept;
  /// Takes a copy of one RTCP compound packet that arrived for `track_id`.
  Outcome record_rtcp(std::string_view track_id, std::span<const std::byte> packet,
                      std::optional<ReceiveClock::time_point> arrival = {}) noexcept;

  /// Ends tracks: what was accepted is written, synced and published in the manifest with `end_reason`.
  /// Always answers, also when the disk hangs (then with an error after `end_timeout`). Ids that are not live
  /// are skipped. Errors: tracks_not_found when none is live; io.
  [[nodiscard]] Result<EndedTracks> end_tracks(std::span<const std::string> ids,
                                               std::string_view end_reason = "ended");

  /// Pauses the whole recording: until resume() nothing is written of any track, tracks added meanwhile too;
  /// record() and record_rtcp() count and answer Outcome::paused. Packets that record() took before are kept.
  /// When it is paused already nothing happens. The time goes into recording.json and the manifest, on the
  /// clock of ReceiveClock: an import with a clock of its own cannot be paused. To go on with a whole picture,
  /// ask the sender for a keyframe after resume(). Errors: storage_failed; invalid_argument after 10,000 pauses; io and no_space: it is paused, or
  /// goes on, but that could not be noted.
  [[nodiscard]] Result<void> pause();
  [[nodiscard]] Result<void> resume();
  /// The same for some tracks, beside the recording's own pause: a track goes on when both have ended.
  /// Errors: besides, not_found when an id is not a live track's; nothing is changed then.
  [[nodiscard]] Result<void> pause(std::span<const std::string> track_ids);
  [[nodiscard]] Result<void> resume(std::span<const std::string> track_ids);
  /// Whether the whole recording is paused.
  [[nodiscard]] bool paused() const;

  /// Marks a moment (default: now) in recording.json; players show it as a chapter called `text`, UTF-8.
  /// Errors: invalid_argument (over 4,096 bytes of text, over 10,000 marks), storage_failed, io, no_space.
  [[nodiscard]] Result<void> mark(std::string_view text, std::optional<ReceiveClock::time_point> at = {});

  /// Changes who receives events. Returns only when the old sink is not running (unless called by it).
  void set_event_sink(EventSink sink);

  /// Waits until everything accepted so far is in the files (not necessarily synced). For importers and
  /// tests. Errors: io, no_space, storage_failed.
  [[nodiscard]] Result<void> flush();

  struct TrackStats {
    std::string id;
    std::uint64_t packets = 0, bytes = 0,
                  rtcp_packets = 0;  ///< accepted; bytes of records, with their headers
    std::uint64_t refused_packets = 0;
    std::uint64_t paused_packets = 0;  ///< that came while it was paused; not among the refused
    bool live = false, paused = false;
  };
  /// Counts are of the recorder's whole life.
  struct Stats {
    std::uint64_t packets = 0, bytes = 0, rtcp_packets = 0;
    std::uint64_t queue_full = 0, disk_full = 0, unknown_track = 0, unknown_rid = 0, ended = 0, too_large = 0,
                  failed = 0;             ///< packets refused, by outcome
    std::uint64_t paused = 0;             ///< packets, RTCP's too, that came while their track was paused
    std::uint64_t lost_after_accept = 0;  ///< accepted, then lost with a failing disk
    std::size_t queued_bytes = 0;         ///< accepted and not yet written
    /// No packet that was accepted longer ago than this waits for being written: what a crash of the process
    /// would cost now. At most flush_interval, when the machine has time and the disk takes the data.
    std::chrono::microseconds oldest_unwritten{0};
    /// No packet that was accepted longer ago than this waits for being synced: what a power loss would cost
    /// now. nullopt when sync_interval is 0. A file that was left because its sync failed does not count.
    std::optional<std::chrono::microseconds> oldest_unsynced;
    std::uint64_t writes = 0, syncs = 0;
    /// The longest that a packet can have waited for being written, and the longest pass of syncs, so far.
    std::chrono::microseconds worst_flush{0}, worst_sync{0};
    std::uint64_t sink_exceptions = 0;
    std::uint64_t restarts = 0;
    std::vector<TrackStats> tracks;  ///< those that are live, and the last 64 that ended
  };
  [[nodiscard]] Stats stats() const;

  /// The folder now written to (it changes at a restart).
  [[nodiscard]] std::filesystem::path folder() const;
  /// The whole recording's manifest as it would be published now.
  [[nodiscard]] Manifest manifest() const;

 private:
  explicit Recorder(std::shared_ptr<struct RecorderImpl> impl);
  std::shared_ptr<struct RecorderImpl> impl_;
};

}  // namespace rtpx
