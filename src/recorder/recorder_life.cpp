// A recorder's life: its threads, its start and its end.

#include <algorithm>

#include "base/thread.hpp"
#include "base/utc_time.hpp"
#include "recorder/pass_period.hpp"
#include "recorder/recorder_impl.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;

std::int64_t clock_ms(ReceiveClock::time_point time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

QueueWriter::Options media_options_of(const Recorder::Options& options) {
  QueueWriter::Options out;
  out.checksums = options.checksums;
  out.mark_ends = !options.recipients.empty();
  out.rotate_bytes = options.rotate_bytes;
  out.rotate_after = options.rotate_after;
  const auto sync = options.sync_interval.count() != 0 ? options.sync_interval : 1000ms;
  const auto pass = pass_period(options.flush_interval);
  out.block_passes = static_cast<std::uint32_t>(std::clamp<std::int64_t>(sync / 2 / pass, 1, 100000));
  return out;
}

QueueWriter::Options rtcp_options_of(QueueWriter::Options media) {
  media.rotate_bytes = 0;  // RTCP is small
  media.rotate_after = {};
  return media;
}

/// Where all tracks had ended before, for one reason, it is the recording's too.
std::string end_of(const Manifest& manifest, const std::string& otherwise) {
  std::optional<std::string> common;
  for (const auto& [id, track] : manifest) {
    if (!track.end_reason || (common && *common != *track.end_reason)) return otherwise;
    common = track.end_reason;
  }
  return common.value_or(otherwise);
}

}  // namespace

RecorderImpl::RecorderImpl(Recorder::Options options_, std::shared_ptr<QueueShared> shared_)
    : options(std::move(options_)),
      disk(options.file_system != nullptr ? *options.file_system : real_file_system()),
      sealing(options.recipients.empty()
                  ? nullptr
                  : std::make_unique<sealed::SealedFiles>(disk, options.recipients, Identities())),
      files(sealing ? *sealing : disk),
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
              },
              [this] { return writer.written_until(); }}),
      writer(shared, files, options.flush_interval, *this),
      dispatcher(250ms, [this] { tick(); }),
      began_utc(utc_now()),
      began(ReceiveClock::now()),
      anchor(options.clock ? *options.clock : ClockAnchor{clock_ms(began), began_utc}),
      space(options.low_space_bytes, options.full_space_bytes),
      sink(options.event_sink) {}

RecorderImpl::~RecorderImpl() = default;

UtcTime RecorderImpl::now() const {
  const auto passed = ReceiveClock::now().time_since_epoch() - began.time_since_epoch();
  return began_utc + std::chrono::floor<std::chrono::microseconds>(passed);
}

Result<void> RecorderImpl::open() {
  auto path = make_folder();
  if (!path) return std::unexpected(path.error());
  auto opened = open_folder(*path);
  if (!opened) return std::unexpected(opened.error());
  enter_folder(std::move(*opened));
  if (auto published = publish(); !published) {
    release_reserve();
    drop_folder(folder, folder_lock);
    return published;
  }
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

void RecorderImpl::end_recording(const std::string& reason) {
  std::vector<std::string> live;
  {
    const std::lock_guard lock(control_mutex);
    stopping = true;
    for (const auto& track : all_tracks())
      if (track->live) live.push_back(track->track.id);
  }
  const std::string why = live.empty() ? end_of(manifest(), reason) : reason;
  if (!live.empty()) (void)end_tracks(live, reason);
  (void)ask_control_thread<void>(
      [this, why](Wanted&) {
        release_reserve();
        Result<void> written;
        if (!failure && !std::exchange(closed, true)) written = write_info(folder, created, why);
        if (folder_lock) folder_lock->release();
        return written;
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
