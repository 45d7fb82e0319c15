// A recorder's life: its folder, its threads, restarts, its end.

#include <algorithm>
#include <ctime>

#include "base/thread.hpp"
#include "base/utc_time.hpp"
#include "recorder/block_index.hpp"
#include "recorder/pass_period.hpp"
#include "recorder/recorder_impl.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;

std::int64_t receive_now_ms() {
  return std::chrono::floor<std::chrono::milliseconds>(ReceiveClock::now().time_since_epoch()).count();
}

std::string folder_name(UtcTime utc) {
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(utc));
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char name[32];
  std::strftime(name, sizeof name, "%Y%m%d-%H%M%S", &parts);
  return name;
}

QueueWriter::Options media_options_of(const Recorder::Options& options) {
  QueueWriter::Options out;
  out.checksums = options.checksums;
  out.rotate_bytes = options.rotate_bytes;
  out.rotate_after = options.rotate_after;
  const auto sync = options.sync_interval.count() != 0 ? options.sync_interval : 1000ms;
  const auto pass = pass_period(options.flush_interval);
  out.block_passes = static_cast<std::uint32_t>(std::clamp<std::int64_t>(sync / 2 / pass, 1, 100000));
  return out;
}

QueueWriter::Options rtcp_options_of(QueueWriter::Options media) {
  media.rotate_bytes = 0;  // RTCP is small, and the manifest names one file of it
  media.rotate_after = {};
  return media;
}

}  // namespace

RecorderImpl::RecorderImpl(Recorder::Options options_, std::shared_ptr<QueueShared> shared_)
    : options(std::move(options_)),
      files(options.file_system != nullptr ? *options.file_system : real_file_system()),
      shared(std::move(shared_)),
      media_options(media_options_of(options)),
      rtcp_options(rtcp_options_of(media_options)),
      syncer(files, options.sync_interval,
             {[this](std::shared_ptr<OutputFile> output, Error cause) {
                if (!output->finished.load()) writer.restart_output(std::move(output), std::move(cause));
              },
              [this](const OutputFile& output, std::uint64_t bytes) {
                if (options.uploader && options.upload_while_recording)
                  options.uploader->file_growing(output.path, bytes);
              }}),
      writer(shared, files, options.flush_interval, *this),
      dispatcher(250ms, [this] { tick(); }),
      space(options.low_space_bytes, options.full_space_bytes),
      sink(options.event_sink) {}

RecorderImpl::~RecorderImpl() = default;

Result<std::filesystem::path> RecorderImpl::make_folder() {
  std::filesystem::path wanted;
  if (!options.folder.empty()) {
    wanted = options.folder;
    if (folder_number == 0) {
      if (!wanted.parent_path().empty())
        if (auto made = files.create_directories(wanted.parent_path()); !made)
          return std::unexpected(made.error());
      const auto made = files.create_directory(wanted);
      if (made) return wanted;
      if (made.error().code != Errc::already_exists) return std::unexpected(made.error());
      const auto there = files.list(wanted);
      if (!there) return std::unexpected(there.error());
      if (there->empty()) return wanted;
      return fail(Errc::already_exists,
                  wanted.string() + " is not empty; a recording needs a folder of its own.");
    }
  } else {
    if (auto made = files.create_directories(options.base_dir); !made) return std::unexpected(made.error());
    wanted = options.base_dir / folder_name(utc_now());
  }
  std::filesystem::path path = wanted;
  for (int n = 2; n < 1000; ++n) {
    const auto made = files.create_directory(path);
    if (made) return path;
    if (made.error().code != Errc::already_exists) return std::unexpected(made.error());
    path = wanted;
    path += "-";
    path += std::to_string(n);
  }
  return fail(Errc::already_exists, "There are too many folders named like " + wanted.string() + ".");
}

Result<void> RecorderImpl::begin_folder(const std::filesystem::path& path) {
  {
    const std::lock_guard lock(control_mutex);
    folder = std::filesystem::absolute(path);
    ++folder_number;
    created = utc_now();
    anchor = options.clock ? *options.clock : ClockAnchor{receive_now_ms(), utc_now()};
  }
  std::error_code ignored;
  if (const auto disk = std::filesystem::space(path, ignored); !ignored) space.set_capacity(disk.capacity);
  if (auto written = write_info(folder, {}); !written) return written;
  if (options.checksums) {
    auto index = BlockIndex::create(files, folder);
    if (!index) return std::unexpected(index.error());
    syncer.set_index(std::move(*index));
  }
  reserve_taken = false;
  take_reserve();
  return publish();
}

Result<void> RecorderImpl::write_info(const std::filesystem::path& where, const std::string& end_reason) {
  RecordingInfo info;
  info.name = options.name;
  info.continues = options.continues;
  info.created = created;
  if (!end_reason.empty()) {
    info.ended_at = utc_now();
    info.end_reason = end_reason;
  }
  return write_recording_info(files, where, info);
}

// The disk may be dead: nothing is expected of it.
void RecorderImpl::close_failed_folder(const std::filesystem::path& old, Manifest manifest_then) {
  for (auto& [id, track] : manifest_then) {
    if (track.ended_at) continue;
    track.ended_at = utc_now();
    track.end_reason = "storage_failed";
  }
  (void)write_info(old, "storage_failed");
  (void)write_file_atomically(files, old / "manifest.json", as_bytes(serialize_manifest(manifest_then)));
}

Result<void> RecorderImpl::open() {
  auto path = make_folder();
  if (!path) return std::unexpected(path.error());
  if (auto begun = begin_folder(*path); !begun) return begun;
  // The folders above may be new as well. Those that are not ours to open are not.
  for (auto child = folder; child.has_relative_path(); child = child.parent_path())
    if (auto synced = files.sync_directory(child.parent_path());
        !synced && synced.error().code != Errc::denied)
      return synced;
  check_space();
  return {};
}

void RecorderImpl::start_threads() {
  // Each thread keeps the recorder alive, and says when it is about to end.
  const auto start = [me = shared_from_this()](ThreadState& state, const char* name, auto body) {
    state.thread = start_thread(name, [me, body, ended = state.ended]() mutable {
      body();
      me.reset();
      ended->set_value();
    });
  };
  RecorderImpl* me = this;
  start(writer_thread, "rtpx-write", [me] { me->writer.run(); });
  start(sync_thread, "rtpx-sync", [me] { me->syncer.run(); });
  start(control_thread_state, "rtpx-keep", [me] { me->control_thread.run(); });
  start(dispatcher_thread, "rtpx-events", [me] { me->dispatcher.run(); });
}

Result<void> RecorderImpl::run_on_start(Recorder& recorder) {
  if (!options.on_start) return {};
  std::vector<MediaStreamTrack> tracks;
  try {
    tracks = options.on_start(recorder);
  } catch (const std::exception& e) {
    sink_exceptions.fetch_add(1);
    return fail(Errc::invalid_argument, std::string("on_start threw: ") + e.what());
  } catch (...) {
    sink_exceptions.fetch_add(1);
    return fail(Errc::invalid_argument, "on_start threw.");
  }
  if (tracks.empty()) return {};
  const auto added = add_tracks(tracks);
  return added ? Result<void>() : std::unexpected(added.error());
}

void RecorderImpl::link(std::stop_source source) {
  owner = std::move(source);
  // Runs on whatever thread requests the stop: it must not wait for anything.
  owner_stops.emplace(owner.get_token(), [this] { stop_wanted.store(true); });
}

void RecorderImpl::storage_failed(const Error& cause) {
  restarting.store(true);
  control_thread.post([this, cause] { restart(cause); });
}

void RecorderImpl::restart(Error cause) {
  std::filesystem::path old;
  {
    const std::lock_guard lock(control_mutex);
    old = folder;
  }
  Manifest old_manifest = manifest();
  while (true) {
    const auto now = Writer::Clock::now();
    while (!restarts.empty() && now - restarts.front() > options.restart_window) restarts.pop_front();
    if (static_cast<int>(restarts.size()) >= options.max_restarts) return give_up(std::move(cause));
    restarts.push_back(now);
    const auto path = make_folder();
    if (!path) {
      cause = path.error();
      std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(options.restart_window / 10, 100ms));
      continue;
    }
    {
      const std::lock_guard lock(control_mutex);
      for (const auto& track : all_tracks())
        if (track->live) track->folder_number = folder_number + 1;
    }
    writer.move_to(std::filesystem::absolute(*path));
    if (auto begun = begin_folder(*path); !begun) {
      cause = begun.error();
      continue;
    }
    break;
  }
  restarting.store(false);
  restart_count.fetch_add(1);
  std::filesystem::path fresh;
  {
    const std::lock_guard lock(control_mutex);
    fresh = folder;
  }
  emit(event::Restarted{old, fresh, cause});
  if (options.on_start && self != nullptr) dispatcher.post([this] { (void)run_on_start(*self); });
  close_failed_folder(old, std::move(old_manifest));
}

void RecorderImpl::give_up(Error cause) {
  {
    const std::lock_guard lock(control_mutex);
    failure = cause;
  }
  for (const auto& track : all_tracks()) {
    track->media->close(Outcome::failed);
    track->rtcp->close(Outcome::failed);
  }
  writer.give_up_all();
  emit(event::Failed{std::move(cause)});
  owner.request_stop();
  close_failed_folder(folder, manifest());
}

void RecorderImpl::end_recording(const std::string& reason) {
  std::vector<std::string> live;
  {
    const std::lock_guard lock(control_mutex);
    stopping = true;
    for (const auto& track : all_tracks())
      if (track->live) live.push_back(track->track.id);
  }
  if (!live.empty()) (void)end_tracks(live, reason);
  (void)ask_control_thread<void>(
      [this, reason] {
        release_reserve();
        if (failure || std::exchange(closed, true)) return Result<void>();
        return write_info(folder, reason);
      },
      "end the recording");
}

void RecorderImpl::shut_down() {
  owner_stops.reset();
  end_recording("recorder_stopped");
  for (const auto& track : all_tracks()) {
    track->media->close(Outcome::ended);
    track->rtcp->close(Outcome::ended);
  }
  control_thread.stop();
  const auto until = deadline();
  const auto leave = [&](ThreadState& state) {  // joined, or left behind in a dead disk
    if (!state.thread.joinable()) return;
    if (state.ended->get_future().wait_until(until) == std::future_status::ready)
      state.thread.join();
    else
      state.thread.detach();
  };
  leave(control_thread_state);
  writer.stop();
  leave(writer_thread);
  syncer.stop();
  leave(sync_thread);
  dispatcher.stop();
  if (dispatcher_thread.thread.joinable())
    dispatcher_thread.thread.join();  // runs the caller's code: no bound
  set_event_sink({});
  owner.request_stop();
}

}  // namespace rtpx
