// What a recorder tells its owner, and what it does about the space on its disk.

#include <algorithm>
#include <utility>

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

void RecorderImpl::file_restarted(QueueWriter& queue, const Error& cause) {
  emit(event::TrackRestarted{queue.track_id(), queue.output()->path, cause});
}

void RecorderImpl::files_changed() {
  publish_wanted.store(true);
}

void RecorderImpl::tell_late_writes(Writer::Clock::time_point now, bool queued) {
  auto longest = writer.take_longest_wait();  // it may be over between two ticks
  if (queued)
    longest = std::max(longest,
                       std::chrono::duration_cast<std::chrono::microseconds>(now - writer.written_until()));
  const bool is_late = longest > options.flush_interval + Recorder::kLate;
  if (is_late && !late) emit(event::WritesLate{true, longest});
  if (is_late) late = std::max(late.value_or(0us), longest);
  if (!is_late && late) emit(event::WritesLate{false, *std::exchange(late, std::nullopt)});
}

void RecorderImpl::tick() {
  const auto now = Writer::Clock::now();
  for (auto& unknown : unknown_targets.due(now)) emit(std::move(unknown));
  const auto tracks = all_tracks();
  tell_late_writes(now, std::ranges::any_of(tracks, [](const auto& track) {
                     return track->media->queued() + track->rtcp->queued() != 0;
                   }));
  for (const auto& track : tracks) {
    LiveTrack::Told& last = track->told;
    const PacketQueue::Counters media = track->media->counters(), rtcp = track->rtcp->counters();
    const auto of = [&](Outcome outcome) {
      return media.refused[static_cast<std::size_t>(outcome)] +
             rtcp.refused[static_cast<std::size_t>(outcome)];
    };
    if (now - last.refused_at >= kRefusalEvents) {
      const auto report = [&](std::uint64_t& before, std::uint64_t count, const char* reason) {
        if (count == before) return;
        emit(event::PacketsRefused{track->track.id, count - before, reason});
        before = count;
        last.refused_at = now;
      };
      report(last.queue_full, of(Outcome::queue_full), "queue_full");
      report(last.disk_full, of(Outcome::disk_full), shared->disk_full.load() ? "disk_full" : "low_space");
    }
    const std::uint64_t came = media.packets + media.refused[static_cast<std::size_t>(Outcome::paused)];
    if (came != last.packets) {
      last.packets = came;
      last.packets_at = now;
      if (!last.flowing) emit(event::TrackFlow{track->track.id, true});
      last.flowing = true;
    } else if (last.flowing && now - last.packets_at >= options.silence_after) {
      last.flowing = false;
      emit(event::TrackFlow{track->track.id, false});
    }
    if (track->codecs_changed.exchange(false)) publish_wanted.store(true);
  }
  const bool gave_up = [this] {
    const std::lock_guard guard(control_mutex);
    return failure.has_value();
  }();
  if (publish_wanted.exchange(false) && !gave_up)
    control_thread.post([this] {
      if (const auto published = publish(); !published) publish_wanted.store(true);
    });
  if (now - space_checked >= kSpaceCheck && !space_check_pending.exchange(true)) {
    space_checked = now;
    control_thread.post([this] {
      check_space();
      forget_ended();  // what had not reached the disk when end_tracks() answered
      space_check_pending.store(false);
    });
  }
  if (stop_wanted.exchange(false)) end_recording("recorder_stopped");
}

}  // namespace rtpx
