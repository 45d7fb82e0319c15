// What a recorder does about the space on its disk, and with uploads, which free it.

#include <algorithm>

#include "recorder/recorder_impl.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

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
    const std::vector<std::uint64_t>& before = track->rid_bytes_seen;
    for (std::size_t i = 0; i < before.size(); ++i) fresh[i] -= before[i];
    const auto best = std::ranges::max_element(fresh);
    if (*best != 0) track->media->keep_only_rid(static_cast<int>(best - fresh.begin()));
    track->rid_bytes_seen = std::move(now);
  }
}

void RecorderImpl::take_reserve() {
  if (reserve_taken || closed) return;
  const auto file = files.open(folder / kReserveFileName, OpenMode::append);
  reserve_taken = file && (*file)->reserve(kReserveBytes);
}

void RecorderImpl::release_reserve() {
  if (std::exchange(reserve_taken, false)) (void)files.remove(folder / kReserveFileName);
}

std::optional<UploadTaskRef> RecorderImpl::start_upload(const Tracks& tracks,
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
  if (sealing) {  // what a queue on the disk, and a store elsewhere, would show of it
    task.files.emplace_back("manifest.json");
  } else {
    task.manifest = manifest_of_tracks;
    task.whole = manifest();
  }
  return options.uploader->upload(
      std::move(task), [weak = weak_from_this(), own, where = folder](UploadTaskRef, const auto& outcome) {
        const auto me = weak.lock();
        if (!me) return;
        const auto* complete = std::get_if<event::UploadComplete>(&outcome);
        if (complete != nullptr && me->options.on_low_space == Recorder::LowSpacePolicy::delete_uploaded)
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

/// Makes the manifest say where the files are stored now, before they go.
Result<void> RecorderImpl::name_stored(const Uploaded& one) {
  if (one.folder != folder) {  // left when the storage failed
    const auto text = read_whole_file(files, one.folder / "manifest.json");
    if (!text) return std::unexpected(text.error());
    auto manifest = parse_manifest(*text);
    if (!manifest) return std::unexpected(manifest.error());
    for (const auto& [id, stored] : one.manifest)
      if (const auto entry = manifest->find(id); entry != manifest->end())
        move_locations(entry->second, stored);
    return write_file_atomically(files, one.folder / "manifest.json",
                                 as_bytes(serialize_manifest(*manifest)));
  }
  {
    const std::lock_guard guard(control_mutex);
    for (const auto& [id, stored] : one.manifest) {
      if (const auto track = find(id)) track->stored = stored;
      const auto entry = ended_entries.find(id);
      if (entry == ended_entries.end()) continue;
      ManifestTrack track = track_of_entry(entry->second);
      move_locations(track, stored);
      entry->second = entry_text(id, track);
    }
  }
  return publish();
}

/// What was stored once may be lost there by now: the uploader proves it first.
void RecorderImpl::delete_uploaded() {
  for (const Uploaded& one : std::exchange(uploaded, {}))
    options.uploader->prove(
        one.folder, one.files,
        [weak = weak_from_this(), one](const std::vector<std::filesystem::path>& proven) {
          const auto me = weak.lock();
          if (!me) return;
          me->control_thread.post([impl = me.get(), one, all = proven.size() == one.files.size()] {
            if (all)
              impl->delete_proven(one);
            else
              impl->uploaded.push_back(one);  // asked again at the next look
          });
        });
}

void RecorderImpl::delete_proven(const Uploaded& one) {
  if (!name_stored(one)) {
    uploaded.push_back(one);  // tried again when space is looked at next
    return;
  }
  for (const auto& file : one.files) (void)files.remove(one.folder / file);
}

}  // namespace rtpx
