// A recorder's folders: the first, those after its storage failed, and what is left behind in these.

#include <algorithm>
#include <ctime>

#include "recorder/block_index.hpp"
#include "recorder/recorder_impl.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;

std::string folder_name(UtcTime utc) {
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(utc));
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char name[32];
  std::strftime(name, sizeof name, "%Y%m%d-%H%M%S", &parts);
  return name;
}

}  // namespace

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
    wanted = options.base_dir / folder_name(now());
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

Result<RecorderImpl::Opened> RecorderImpl::open_folder(const std::filesystem::path& path) {
  Opened opened;
  opened.path = std::filesystem::absolute(path);
  auto taken = RecordingLock::take(disk, opened.path, "a recorder");
  if (!taken && taken.error().code == Errc::already_exists) return std::unexpected(taken.error());
  Result<void> result;
  if (taken)
    opened.lock = std::move(*taken);
  else if (taken.error().code != Errc::unsupported)
    result = std::unexpected(taken.error());
  if (result) result = write_info(opened.path, now(), {});
  if (result && options.checksums) {
    if (auto index = BlockIndex::create(files, opened.path))
      opened.index = std::move(*index);
    else
      result = std::unexpected(index.error());
  }
  if (result) return opened;
  if (result.error().code != Errc::already_exists)  // else another recorder has begun there, without locks
    drop_folder(opened.path, opened.lock);
  return std::unexpected(result.error());
}

// Of a recording that did not begin.
void RecorderImpl::drop_folder(const std::filesystem::path& path, std::optional<RecordingLock>& taken) {
  for (const char* name : {kIndexFileName, kRecordingFileName}) (void)files.remove(path / name);
  if (taken) taken->release();
  (void)files.remove(path);  // only when it is empty
}

void RecorderImpl::enter_folder(Opened opened) {
  {
    const std::lock_guard guard(control_mutex);
    folder = opened.path;
    ++folder_number;
    created = now();
    ended_entries.clear();
    if (folder_number > 1) {  // what happened before is told in the folder that was left
      facts.marks.clear();
      std::erase_if(facts.pauses, [](const Pause& pause) { return pause.to_ms.has_value(); });
    }
  }
  folder_lock = std::move(opened.lock);
  if (opened.index) syncer.set_index(std::move(opened.index));
  std::error_code ignored;
  if (const auto room = std::filesystem::space(folder, ignored); !ignored) space.set_capacity(room.capacity);
  reserve_taken = false;
  take_reserve();
}

Result<void> RecorderImpl::write_info(const std::filesystem::path& where, UtcTime when,
                                      const std::string& end_reason) {
  const auto fill = [&](RecordingInfo& info) {
    const bool begins = info.created == UtcTime{};
    if (begins) info.created = when;
    if (begins || sealing) {  // afterwards others may have changed a name, unless they cannot read it
      info.name = options.name;
      info.facts.labels = options.labels;
      info.facts.metadata = options.metadata;
      info.continues = options.continues;
      info.key = options.key;
    }
    if (!end_reason.empty()) {
      info.ended_at = now();
      info.end_reason = end_reason;
    }
    const std::lock_guard guard(control_mutex);
    info.facts.participants = facts.participants;
    info.facts.marks = facts.marks;
    info.facts.pauses = facts.pauses;
  };
  auto written = change_recording_info(files, where, fill);
  if (written || (written.error().code != Errc::malformed && written.error().code != Errc::unsupported))
    return written;
  RecordingInfo info;  // what somebody has spoiled is written anew
  fill(info);
  return write_recording_info(files, where, info);
}

RecorderImpl::LeftFolder RecorderImpl::leave_folder() {
  LeftFolder left;
  left.path = folder;
  left.lock = std::exchange(folder_lock, std::nullopt);
  left.created = created;
  left.manifest = manifest();
  const std::lock_guard guard(control_mutex);
  for (const auto& track : all_tracks()) {
    if (track->folder_number != folder_number || track->ended_at) continue;
    left.media[track->track.id] = track->media_writer->files();
    left.refused[track->track.id] = track->refused() - track->refused_before;
  }
  return left;
}

// The disk may be dead: nothing is expected of it.
void RecorderImpl::close_left(LeftFolder left) {
  for (auto& [id, track] : left.manifest) {
    if (track.ended_at) continue;
    track.ended_at = now();
    track.end_reason = "storage_failed";
    track.packets = track.bytes = 0;
    for (const auto& file : left.media[id]) {
      *track.packets += file->records.load();
      *track.bytes += file->written.load();
    }
    track.refused_packets = left.refused[id];
  }
  (void)write_info(left.path, left.created, "storage_failed");
  (void)write_file_atomically(files, left.path / "manifest.json",
                              as_bytes(serialize_manifest(left.manifest)));
  (void)files.remove(left.path / kReserveFileName);
  if (left.lock) left.lock->release();
}

void RecorderImpl::storage_failed(const Error& cause) {
  {
    const std::lock_guard guard(control_mutex);
    failed_storage = cause;
  }
  control_thread.post([this] { handle_failed_storage(); });
}

void RecorderImpl::handle_failed_storage() {
  std::optional<Error> cause;
  {
    const std::lock_guard guard(control_mutex);
    failed_storage.swap(cause);
  }
  if (cause) restart(std::move(*cause));
}

void RecorderImpl::restart(Error cause) {
  const std::filesystem::path old = folder;
  std::vector<LeftFolder> left;
  while (true) {
    const auto now = Writer::Clock::now();
    while (!restarts.empty() && now - restarts.front() > options.restart_window) restarts.pop_front();
    if (static_cast<int>(restarts.size()) >= options.max_restarts)
      return give_up(std::move(cause), std::move(left));
    restarts.push_back(now);
    const auto path = make_folder();
    auto opened = path ? open_folder(*path) : std::unexpected(path.error());
    if (!opened) {
      cause = opened.error();
      std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(options.restart_window / 10, 100ms));
      continue;
    }
    left.push_back(leave_folder());
    enter_folder(std::move(*opened));
    move_tracks();
    if (auto published = publish(); !published) {
      cause = published.error();
      continue;
    }
    const std::lock_guard guard(control_mutex);
    if (!failed_storage) break;
    cause = *std::exchange(failed_storage, std::nullopt);  // of the new folder, meanwhile
  }
  restart_count.fetch_add(1);
  emit(event::Restarted{old, folder, cause});
  if (options.on_start && self != nullptr) dispatcher.post([this] { (void)run_on_start(*self); });
  for (LeftFolder& one : left) close_left(std::move(one));
}

// All tracks whose files are not complete go on in the new folder, also those that are being ended.
void RecorderImpl::move_tracks() {
  const Tracks tracks = all_tracks();
  std::vector<Writer::Group> groups;
  for (const auto& track : tracks) groups.push_back({track->media_writer, track->rtcp_writer});
  const std::vector<bool> moved = writer.move_to(folder, std::move(groups));
  const std::lock_guard guard(control_mutex);
  for (std::size_t i = 0; i < moved.size(); ++i) {
    if (!moved[i]) continue;
    tracks[i]->folder_number = folder_number;
    tracks[i]->refused_before = tracks[i]->refused();
    std::erase_if(tracks[i]->pauses, [](const Pause& pause) { return pause.to_ms.has_value(); });
  }
}

void RecorderImpl::give_up(Error cause, std::vector<LeftFolder> left) {
  {
    const std::lock_guard guard(control_mutex);
    failure = cause;
  }
  std::vector<std::shared_ptr<QueueWriter>> queues;
  for (const auto& track : all_tracks()) {
    track->media->close(Outcome::failed);
    track->rtcp->close(Outcome::failed);
    queues.push_back(track->media_writer);
    queues.push_back(track->rtcp_writer);
  }
  writer.give_up_all();
  owner.request_stop();  // first: whoever hears of the failure finds the owner asked to stop
  emit(event::Failed{std::move(cause)});
  (void)writer.drain(queues, deadline());  // what is lost is counted then
  left.push_back(leave_folder());
  for (LeftFolder& one : left) close_left(std::move(one));
}

}  // namespace rtpx
