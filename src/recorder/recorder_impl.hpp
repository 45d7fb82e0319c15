#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <set>
#include <shared_mutex>
#include <stop_token>
#include <unordered_map>

#include "base/task_thread.hpp"
#include "recorder/live_track.hpp"
#include "recorder/space_watch.hpp"
#include "recorder/syncer.hpp"
#include "recorder/unknown_targets.hpp"
#include "recorder/writer.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx {

/// What is behind a Recorder. Its threads share it, so that a thread that hangs in a dead disk can be left
/// behind:
///
///   callers     record(): only the table (shared) and a queue
///   writer      writes the queues (Writer)
///   sync        fdatasync, index (Syncer)
///   control_thread      folders, file creation, manifest, restarts: everything slow that callers ask for
///   dispatcher  events, on_start; every 250 ms it looks what there is to report
///
/// Locks, in the order in which they may be taken: control_mutex_, table_mutex_, those of the parts. None is
/// held during file I/O or a callback.
struct RecorderImpl final : WriterListener, std::enable_shared_from_this<RecorderImpl> {
  RecorderImpl(Recorder::Options options, std::shared_ptr<QueueShared> shared);
  ~RecorderImpl() override;

  // --- life (recorder_life.cpp) ---
  [[nodiscard]] Result<void> open();  ///< makes the folder and its first files
  void start_threads();
  [[nodiscard]] Result<void> run_on_start(Recorder& self);
  void link(std::stop_source owner);
  void shut_down();           ///< what the destructor does
  void restart(Error cause);  ///< control_thread: after storage_failed()
  void give_up(Error cause);  ///< control_thread: no restart is left

  // --- tracks (recorder_tracks.cpp) ---
  [[nodiscard]] Result<Manifest> add_tracks(std::span<const MediaStreamTrack> tracks);
  [[nodiscard]] Result<EndedTracks> end_tracks(std::span<const std::string> ids, std::string_view reason);
  [[nodiscard]] std::shared_ptr<LiveTrack> find(std::string_view id) const noexcept;
  [[nodiscard]] Manifest manifest() const;
  [[nodiscard]] std::vector<std::shared_ptr<LiveTrack>> all_tracks() const;
  [[nodiscard]] Recorder::Stats stats() const;

  // --- events (recorder_events.cpp) ---
  void emit(Event event);
  void set_event_sink(EventSink sink);
  void tick();  ///< dispatcher: reports what has gathered
  void disk_is_full(bool full) override;
  void file_restarted(QueueWriter& queue, const Error& cause) override;
  void files_changed() override;
  void storage_failed(const Error& cause) override;

  /// Runs `task` on the control_thread and waits for its answer, at most end_timeout and 20 ms for each of
  /// `for_files`.
  template <typename T>
  [[nodiscard]] Result<T> ask_control_thread(std::function<Result<T>()> task, const char* what,
                                             std::size_t for_files = 0);
  [[nodiscard]] Writer::Clock::time_point deadline() const {
    return Writer::Clock::now() + options.end_timeout;
  }

  // Keeper's.
  [[nodiscard]] Result<void> publish(
      bool from_reserve = true);  ///< the manifest; the reserve is not for additions
  void assign_files(LiveTrack& track);
  [[nodiscard]] Result<void> create_files(std::span<const std::shared_ptr<LiveTrack>> tracks);
  [[nodiscard]] Result<Manifest> add_on_control_thread(const std::vector<std::shared_ptr<LiveTrack>>& tracks);
  [[nodiscard]] Result<EndedTracks> end_on_control_thread(
      const std::vector<std::shared_ptr<LiveTrack>>& tracks, const std::string& reason);
  [[nodiscard]] Result<void> begin_folder(const std::filesystem::path& folder);
  [[nodiscard]] Result<void> write_info(const std::filesystem::path& where, const std::string& end_reason);
  void close_failed_folder(const std::filesystem::path& old, Manifest manifest_then);
  void end_recording(const std::string& reason);
  void check_space();
  [[nodiscard]] std::optional<UploadTaskRef> start_upload(
      const std::vector<std::shared_ptr<LiveTrack>>& tracks, const Manifest& manifest);
  void resume_uploads();
  void drop_layers(bool low);
  void delete_uploaded();
  void take_reserve();  ///< disk space for the manifest and the end of the index
  void release_reserve();
  [[nodiscard]] ManifestTrack describe(const LiveTrack& track) const;
  [[nodiscard]] Result<std::filesystem::path> make_folder();

  const Recorder::Options options;
  FileSystem& files;
  const std::shared_ptr<QueueShared> shared;
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

  mutable std::mutex control_mutex;
  std::set<std::string> ids;         // ever added, or being added
  std::set<std::string> file_names;  // the control_thread's: in use
  std::filesystem::path folder;
  unsigned folder_number = 0;
  std::deque<Writer::Clock::time_point> restarts;
  std::optional<Error> failure;
  bool stopping = false;
  bool closed = false;  // the control_thread's: recording.json says that it ended
  ClockAnchor anchor;

  // The control_thread's.
  struct Uploaded {
    std::filesystem::path folder;
    std::vector<std::filesystem::path> files;
    Manifest manifest;  // where they are now
  };
  std::vector<Uploaded> uploaded;
  std::unordered_map<const LiveTrack*, std::vector<std::uint64_t>> rid_bytes_seen;
  bool reserve_taken = false;
  UtcTime created{};

  std::atomic<std::uint64_t> unknown_track{0}, unknown_rid{0}, restart_count{0};
  std::atomic<bool> publish_wanted{false}, stop_wanted{false}, writer_is_full{false}, restarting{false};
  UnknownTargets unknown_targets;
  SpaceWatch space;
  std::atomic<bool> space_check_pending{false};

  // The dispatcher's.
  struct Reported {
    std::uint64_t queue_full = 0, disk_full = 0, packets = 0;
    Writer::Clock::time_point refused_at{}, packets_at{};
    bool flowing = false;
  };
  std::unordered_map<const LiveTrack*, Reported> reported;
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
Result<T> RecorderImpl::ask_control_thread(std::function<Result<T>()> task, const char* what,
                                           std::size_t for_files) {
  const auto answer = std::make_shared<std::promise<Result<T>>>();
  auto future = answer->get_future();
  const bool posted = control_thread.post([task = std::move(task), answer] {
    try {
      answer->set_value(task());
    } catch (const std::exception& e) {
      answer->set_value(fail(Errc::internal, e.what()));
    }
  });
  if (!posted) return fail(Errc::storage_failed, "The recorder has ended.");
  if (future.wait_for(options.end_timeout + for_files * std::chrono::milliseconds(20)) !=
      std::future_status::ready)
    return fail(Errc::io, std::string("The recording's disk did not answer in time to ") + what + ".");
  return future.get();
}

}  // namespace rtpx
