#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <set>
#include <shared_mutex>
#include <stop_token>
#include <unordered_map>
#include <unordered_set>

#include "base/task_thread.hpp"
#include "recorder/live_track.hpp"
#include "recorder/space_watch.hpp"
#include "recorder/syncer.hpp"
#include "recorder/unknown_targets.hpp"
#include "recorder/writer.hpp"
#include "rtpx/recorder.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/recording_info.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {

/// Whether a caller still waits for what the control thread does for it.
class Wanted {
 public:
  /// From now on the caller waits for the answer however long it takes. False: it has left.
  [[nodiscard]] bool commit() {
    State expected = State::open;
    return state_.compare_exchange_strong(expected, State::committed) || expected == State::committed;
  }
  /// The caller leaves. False: it has to wait.
  [[nodiscard]] bool leave() {
    State expected = State::open;
    return state_.compare_exchange_strong(expected, State::left);
  }

 private:
  enum class State : std::uint8_t { open, committed, left };
  std::atomic<State> state_{State::open};
};

/// One track of a manifest as text, `"id":{…}`: what is kept of a track that ended.
[[nodiscard]] std::string entry_text(const std::string& id, const ManifestTrack& track);
[[nodiscard]] ManifestTrack track_of_entry(const std::string& entry);
/// Takes over where `stored` says that the files are.
void move_locations(ManifestTrack& track, const ManifestTrack& stored);

/// What is behind a Recorder. Its threads share it, so that a thread that hangs in a dead disk can be left
/// behind:
///
///   callers     record(): only the table (shared) and a queue
///   writer      writes the queues (Writer)
///   sync        fdatasync, index (Syncer)
///   control     folders, file creation, manifest, restarts: everything slow that callers ask for
///   dispatcher  events, on_start; every 250 ms it looks what there is to report
///
/// Locks, in the order in which they may be taken: control_mutex, table_mutex, those of the parts. None is
/// held during file I/O or a callback.
struct RecorderImpl final : WriterListener, std::enable_shared_from_this<RecorderImpl> {
  RecorderImpl(Recorder::Options options, std::shared_ptr<QueueShared> shared);
  ~RecorderImpl() override;

  // --- life (recorder_life.cpp) ---
  [[nodiscard]] Result<void> open();  ///< makes the folder and its first files
  void start_threads();
  [[nodiscard]] Result<void> run_on_start(Recorder& self);
  void link(std::stop_source owner);
  void shut_down();  ///< what the destructor does
  /// The time of day as it was at the start, plus what has passed on the clock that nobody sets.
  [[nodiscard]] UtcTime now() const;

  // --- tracks (recorder_tracks.cpp) ---
  [[nodiscard]] Result<Manifest> add_tracks(std::span<const MediaStreamTrack> tracks,
                                            const std::string& participant = {});
  [[nodiscard]] Result<EndedTracks> end_tracks(std::span<const std::string> ids, std::string_view reason);
  [[nodiscard]] std::shared_ptr<LiveTrack> find(std::string_view id) const noexcept;
  /// Counts a packet for a track that find() did not find.
  Outcome refuse_unknown(std::string_view id) noexcept;
  [[nodiscard]] Manifest manifest() const;
  [[nodiscard]] std::vector<std::shared_ptr<LiveTrack>> all_tracks() const;
  [[nodiscard]] Recorder::Stats stats() const;
  /// Adds a track's counts to `sums`.
  [[nodiscard]] Recorder::TrackStats count(Recorder::Stats& sums, const LiveTrack& track,
                                           const PacketQueue::Counters& media,
                                           const PacketQueue::Counters& rtcp) const;

  // --- participants (recorder_people.cpp) ---
  [[nodiscard]] Result<Recorder::Participant> add_participant(std::string_view name, std::string_view id);
  [[nodiscard]] std::vector<std::string> live_tracks_of(const std::string& participant) const;

  // --- pauses and marks (recorder_pauses.cpp) ---
  /// Of the tracks with these ids; null: of the whole recording.
  [[nodiscard]] Result<void> set_paused(const std::vector<std::string>* ids, bool paused);
  [[nodiscard]] Result<void> mark(std::string_view text, std::optional<ReceiveClock::time_point> at);
  /// Writes recording.json, and the manifest if `tracks_too`, as they are now.
  [[nodiscard]] Result<void> note_facts(bool tracks_too, const char* what);
  /// Why nothing can be changed any more. Under control_mutex.
  [[nodiscard]] Result<void> check_running() const;

  // --- events (recorder_events.cpp) ---
  void emit(Event event);
  void set_event_sink(EventSink sink);
  /// Dispatcher: reports when writing is late, and when that is over. `queued`: something waits.
  void tell_late_writes(Writer::Clock::time_point now, bool queued);
  void tick();  ///< dispatcher: reports what has gathered
  void disk_is_full(bool full) override;
  void file_restarted(QueueWriter& queue, const Error& cause) override;
  void files_changed() override;
  void storage_failed(const Error& cause) override;

  /// Runs `task` on the control_thread and waits for its answer, at most end_timeout and 20 ms for each of
  /// `for_files`, unless the task commits itself.
  template <typename T>
  [[nodiscard]] Result<T> ask_control_thread(std::function<Result<T>(Wanted&)> task, const char* what,
                                             std::size_t for_files = 0);
  [[nodiscard]] Writer::Clock::time_point deadline() const {
    return Writer::Clock::now() + options.end_timeout;
  }

  using Tracks = std::vector<std::shared_ptr<LiveTrack>>;

  // The control_thread's: folders (recorder_folder.cpp).
  [[nodiscard]] Result<std::filesystem::path> make_folder();
  struct Opened {
    std::filesystem::path path;
    std::optional<RecordingLock> lock;
    std::shared_ptr<BlockIndex> index;
  };
  /// Makes the first files of a recording in `path`, a new folder. On an error nothing is left of them.
  [[nodiscard]] Result<Opened> open_folder(const std::filesystem::path& path);
  void enter_folder(Opened opened);
  void drop_folder(const std::filesystem::path& path, std::optional<RecordingLock>& taken);
  /// What a folder held when its storage failed.
  struct LeftFolder {
    std::filesystem::path path;
    std::optional<RecordingLock> lock;
    UtcTime created{};
    Manifest manifest;
    std::map<std::string, std::vector<std::shared_ptr<OutputFile>>> media;  ///< of tracks that had not ended
    std::map<std::string, std::uint64_t> refused;
  };
  [[nodiscard]] LeftFolder leave_folder();
  void close_left(LeftFolder left);
  void handle_failed_storage();  ///< restarts, or gives up, when storage_failed() came
  void restart(Error cause);
  void move_tracks();
  void give_up(Error cause, std::vector<LeftFolder> left);
  [[nodiscard]] Result<void> write_info(const std::filesystem::path& where, UtcTime began,
                                        const std::string& end_reason);
  void end_recording(const std::string& reason);

  // The control_thread's: tracks.
  /// Writes the manifest, with `more` tracks that are not added yet. The reserve is not for additions.
  [[nodiscard]] Result<void> publish(bool from_reserve = true, const Tracks& more = {});
  [[nodiscard]] std::string manifest_text(const Tracks& more) const;
  [[nodiscard]] Result<void> assign_files(LiveTrack& track);
  void drop_files(const Tracks& tracks);
  [[nodiscard]] Result<Manifest> add_on_control_thread(const Tracks& tracks, Wanted& wanted);
  [[nodiscard]] Result<EndedTracks> end_on_control_thread(const Tracks& tracks, const std::string& reason);
  void forget_ended();
  [[nodiscard]] ManifestTrack describe(const LiveTrack& track) const;

  // The control_thread's: space and uploads.
  void check_space();
  [[nodiscard]] std::optional<UploadTaskRef> start_upload(const Tracks& tracks, const Manifest& manifest);
  void resume_uploads();
  void drop_layers(bool low);
  void delete_uploaded();
  struct Uploaded {
    std::filesystem::path folder;
    std::vector<std::filesystem::path> files;
    Manifest manifest;  // where they are now
  };
  [[nodiscard]] Result<void> name_stored(const Uploaded& one);
  void take_reserve();  ///< disk space for the manifest and the end of the index
  void release_reserve();

  const Recorder::Options options;
  FileSystem& disk;
  const std::unique_ptr<sealed::SealedFiles> sealing;  ///< null: nothing is sealed
  FileSystem& files;                                   ///< of the recording, sealed where that is asked for
  const std::shared_ptr<QueueShared> shared;
  std::optional<std::chrono::microseconds> late;  // dispatcher: the longest wait since event::WritesLate
  const QueueWriter::Options media_options, rtcp_options;
  Syncer syncer;
  Writer writer;
  TaskThread control_thread;
  TaskThread dispatcher;

  struct IdHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view id) const noexcept { return std::hash<std::string_view>{}(id); }
  };
  mutable std::shared_mutex table_mutex;
  std::unordered_map<std::string, std::shared_ptr<LiveTrack>, IdHash, std::equal_to<>> table;
  std::unordered_set<std::string, IdHash, std::equal_to<>> forgotten;  // ids of tracks that ended

  mutable std::mutex control_mutex;
  std::set<std::string> adding;                      // ids on their way into the table
  std::map<std::string, std::string> ended_entries;  // of forgotten tracks of this folder: `"id":{…}`
  Recorder::Stats ended_sums;                        // of forgotten tracks
  std::deque<Recorder::TrackStats> ended_stats;
  std::filesystem::path folder;
  unsigned folder_number = 0;
  std::deque<Writer::Clock::time_point> restarts;
  std::optional<Error> failure;
  std::optional<Error> failed_storage;  // to be handled
  RecordingFacts facts;                 // what recording.json says of people; `labels` is others'
  bool all_paused = false;              // the whole recording
  bool stopping = false;
  const UtcTime began_utc;
  const ReceiveClock::time_point began;
  const ClockAnchor anchor;

  // The control_thread's.
  std::vector<Uploaded> uploaded;
  void delete_proven(const Uploaded& one);
  std::set<std::string> file_stems;  // of tracks that are not forgotten
  std::optional<RecordingLock> folder_lock;
  bool reserve_taken = false;
  bool closed = false;  // recording.json says that it ended
  UtcTime created{};

  std::atomic<std::uint64_t> unknown_track{0}, ended_later{0}, restart_count{0};
  std::atomic<bool> publish_wanted{false}, stop_wanted{false}, writer_is_full{false};
  UnknownTargets unknown_targets;
  SpaceWatch space;
  std::atomic<bool> space_check_pending{false};

  // The dispatcher's.
  Writer::Clock::time_point space_checked{};

  std::mutex sink_mutex;
  std::condition_variable sink_idle;
  EventSink sink;
  bool sink_running = false;
  std::atomic<std::uint64_t> sink_exceptions{0};

  Recorder* self = nullptr;  // for on_start; the dispatcher ends before it goes
  std::stop_source owner{std::nostopstate};
  std::optional<std::stop_callback<std::function<void()>>> owner_stops;

  struct ThreadState {
    std::thread thread;
    std::shared_ptr<std::promise<void>> ended = std::make_shared<std::promise<void>>();
  };
  ThreadState writer_thread, sync_thread, control_thread_state, dispatcher_thread;
};

template <typename T>
Result<T> RecorderImpl::ask_control_thread(std::function<Result<T>(Wanted&)> task, const char* what,
                                           std::size_t for_files) {
  struct Answer {
    Wanted wanted;
    std::promise<Result<T>> promise;
  };
  const auto answer = std::make_shared<Answer>();
  auto future = answer->promise.get_future();
  const bool posted = control_thread.post([task = std::move(task), answer] {
    try {
      answer->promise.set_value(task(answer->wanted));
    } catch (const std::exception& e) {
      answer->promise.set_value(fail(Errc::internal, e.what()));
    }
  });
  if (!posted) return fail(Errc::storage_failed, "The recorder has ended.");
  if (future.wait_for(options.end_timeout + for_files * std::chrono::milliseconds(20)) !=
          std::future_status::ready &&
      answer->wanted.leave())
    return fail(Errc::io, std::string("The recording's disk did not answer in time to ") + what + ".");
  return future.get();
}

}  // namespace rtpx
