// What a recorder does about the space on its disk, and with uploads, which free it.

#include <algorithm>

#include "recorder/recorder_impl.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

constexpr const char* kReserveName = ".reserve";
constexpr std::uint64_t kReserveBytes = 1U << 20;

}  // namespace

void RecorderImpl::check_space() {
  const auto free = files.free_bytes(folder);
  if (!free) return;
  const auto changed = space.update(*free, writer_is_full.load());
  const SpaceWatch::Level level = space.level();
  shared->disk_full.store(level == SpaceWatch::Level::full);
  if (changed) emit(event::DiskSpace{*changed, *free});
  if (options.on_low_space == Recorder::LowSpacePolicy::drop_layers)
    drop_layers(level != SpaceWatch::Level::ok);
  if (options.on_low_space == Recorder::LowSpacePolicy::delete_uploaded && level != SpaceWatch::Level::ok)
    delete_uploaded();
  if (level == SpaceWatch::Level::ok) take_reserve();
}

// Of a simulcast track the layer of the highest rate is the one worth most: it alone is kept while space is
// low. When it falls silent, the best of those that are still sent takes its place.
void RecorderImpl::drop_layers(bool low) {
  for (const auto& track : all_tracks()) {
    if (track->track.rids.size() < 2) continue;
    if (!low) {
      track->media->keep_only_rid(PacketQueue::kEveryRid);
      continue;
    }
    std::vector<std::uint64_t> now = track->media->rid_bytes(), fresh = now;
    const std::vector<std::uint64_t>& before = rid_bytes_seen[track.get()];
    for (std::size_t i = 0; i < before.size(); ++i) fresh[i] -= before[i];
    const auto best = std::ranges::max_element(fresh);
    if (*best != 0) track->media->keep_only_rid(static_cast<int>(best - fresh.begin()));
    rid_bytes_seen[track.get()] = std::move(now);
  }
}

void RecorderImpl::take_reserve() {
  if (reserve_taken || closed) return;
  const auto file = files.open(folder / kReserveName, OpenMode::append);
  reserve_taken = file && (*file)->reserve(kReserveBytes);
}

void RecorderImpl::release_reserve() {
  if (std::exchange(reserve_taken, false)) (void)files.remove(folder / kReserveName);
}

std::optional<UploadTaskRef> RecorderImpl::start_upload(const std::vector<std::shared_ptr<LiveTrack>>& tracks,
                                                        const Manifest& manifest_of_tracks) {
  if (!options.uploader) return std::nullopt;
  Uploader::Task task;
  task.folder = folder;
  for (const auto& track : tracks)
    for (const QueueWriter* queue : {track->media_writer.get(), track->rtcp_writer.get()})
      for (const auto& output : queue->files()) task.files.push_back(output->path.filename());
  const std::vector<std::filesystem::path> own = task.files;  // these may be deleted once they are stored
  if (options.checksums) task.files.emplace_back(kIndexFileName);
  task.files.emplace_back(kRecordingFileName);
  task.manifest = manifest_of_tracks;
  task.whole = manifest();
  return options.uploader->upload(
      std::move(task), [weak = weak_from_this(), own, where = folder](UploadTaskRef, const auto& outcome) {
        const auto me = weak.lock();
        if (!me) return;
        if (const auto* complete = std::get_if<event::UploadComplete>(&outcome))
          me->control_thread.post([impl = me.get(), own, where, stored = complete->manifest] {
            impl->uploaded.push_back({where, own, stored});
          });
        std::visit([&](const auto& event) { me->emit(event); }, outcome);
      });
}

void RecorderImpl::resume_uploads() {
  if (!options.uploader) return;
  const auto base = options.folder.empty() ? options.base_dir : folder.parent_path();
  options.uploader->resume(base, [weak = weak_from_this()](UploadTaskRef, const auto& outcome) {
    if (const auto me = weak.lock()) std::visit([&](const auto& event) { me->emit(event); }, outcome);
  });
}

void RecorderImpl::delete_uploaded() {
  for (const Uploaded& one : std::exchange(uploaded, {})) {
    for (const auto& file : one.files) (void)files.remove(one.folder / file);
    for (const auto& [id, stored] : one.manifest)
      if (const auto track = find(id)) {
        const std::lock_guard lock(control_mutex);
        track->stored = stored;
      }
    publish_wanted.store(true);
  }
}

}  // namespace rtpx
