// What a recorder tells its owner, and what it does about the space on its disk.

#include "recorder/recorder_impl.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
constexpr auto kSpaceCheck = 500ms;
constexpr auto kRefusalEvents = 1s;  // at most one a track

}  // namespace

void RecorderImpl::emit(Event event) {
  dispatcher.post([this, event = std::move(event)] {
    EventSink receiver;
    {
      const std::lock_guard lock(sink_mutex);
      if (!sink) return;
      receiver = sink;
      sink_running = true;
    }
    try {
      receiver(event);
    } catch (...) {
      sink_exceptions.fetch_add(1);
    }
    receiver = nullptr;
    {
      const std::lock_guard lock(sink_mutex);
      sink_running = false;
    }
    sink_idle.notify_all();
  });
}

void RecorderImpl::set_event_sink(EventSink next) {
  std::unique_lock lock(sink_mutex);
  sink.swap(next);
  if (!dispatcher.on_this_thread()) sink_idle.wait(lock, [this] { return !sink_running; });
}

void RecorderImpl::disk_is_full(bool full) {
  writer_is_full.store(full);
  if (full) shared->disk_full.store(true);  // room is told of by check_space()
}

void RecorderImpl::file_restarted(LaneWriter& lane, const Error& cause) {
  emit(event::TrackRestarted{lane.track_id(), lane.output()->path, cause});
}

void RecorderImpl::files_changed() {
  publish_wanted.store(true);
}

void RecorderImpl::tick() {
  const auto now = Writer::Clock::now();
  for (auto& unknown : unknown_targets.due(now)) emit(std::move(unknown));
  const auto tracks = all_tracks();
  for (const auto& track : tracks) {
    Reported& last = reported[track.get()];
    const Lane::Counters media = track->media->counters(), rtcp = track->rtcp->counters();
    const auto of = [&](Outcome outcome) {
      return media.refused[static_cast<std::size_t>(outcome)] +
             rtcp.refused[static_cast<std::size_t>(outcome)];
    };
    const std::uint64_t refused = of(Outcome::queue_full) + of(Outcome::disk_full);
    if (refused != last.refused && now - last.refused_at >= kRefusalEvents) {
      const char* reason =
          of(Outcome::disk_full) != 0 && shared->disk_full.load() ? "disk_full" : "queue_full";
      emit(event::PacketsRefused{track->track.id, refused - last.refused, reason});
      last.refused = refused;
      last.refused_at = now;
    }
    if (media.packets != last.packets) {
      last.packets = media.packets;
      last.packets_at = now;
      if (!last.flowing) emit(event::TrackFlow{track->track.id, true});
      last.flowing = true;
    } else if (last.flowing && now - last.packets_at >= options.silence_after) {
      last.flowing = false;
      emit(event::TrackFlow{track->track.id, false});
    }
    if (track->codecs_changed.exchange(false)) publish_wanted.store(true);
  }
  if (publish_wanted.exchange(false) && !restarting.load())
    keeper.post([this] {
      if (const auto published = publish(); !published) publish_wanted.store(true);
    });
  if (now - space_checked >= kSpaceCheck && !space_check_pending.exchange(true)) {
    space_checked = now;
    keeper.post([this] {
      check_space();
      space_check_pending.store(false);
    });
  }
  if (stop_wanted.exchange(false)) end_recording("recorder_stopped");
}

void RecorderImpl::check_space() {
  std::filesystem::path where;
  {
    const std::lock_guard lock(control_mutex);
    where = folder;
  }
  const auto free = files.free_bytes(where);
  if (!free) return;
  const auto changed = space.update(*free, writer_is_full.load());
  shared->disk_full.store(space.level() == SpaceWatch::Level::full);
  if (changed) emit(event::DiskSpace{*changed, *free});
}

std::optional<UploadTaskRef> RecorderImpl::start_upload(const std::vector<std::shared_ptr<LiveTrack>>& tracks,
                                                        const Manifest& manifest_of_tracks) {
  if (!options.uploader) return std::nullopt;
  Uploader::Task task;
  {
    const std::lock_guard lock(control_mutex);
    task.folder = folder;
  }
  for (const auto& track : tracks)
    for (const LaneWriter* lane : {track->media_writer.get(), track->rtcp_writer.get()})
      for (const auto& output : lane->files()) task.files.push_back(output->path.filename());
  task.manifest = manifest_of_tracks;
  task.whole = manifest();
  return options.uploader->upload(std::move(task),
                                  [weak = weak_from_this()](UploadTaskRef, const auto& outcome) {
                                    if (const auto me = weak.lock()) me->upload_done(outcome);
                                  });
}

void RecorderImpl::upload_done(const std::variant<event::UploadComplete, event::UploadFailed>& outcome) {
  std::visit([this](const auto& event) { emit(event); }, outcome);
}

}  // namespace rtpx
