#include "s3/task_run.hpp"

#include <algorithm>
#include <set>

#include "base/file_system.hpp"
#include "s3/names.hpp"

namespace rtpx::s3 {
namespace {

namespace fs = std::filesystem;

bool is_remote(const std::string& location) {
  return location.find("://") != location.npos && !location.starts_with("file://");
}

/// Applies `change` to each location of a track.
template <typename Change>
void for_each_location(ManifestTrack& track, Change&& change) {
  change(track.location);
  if (track.rtcp_location) change(*track.rtcp_location);
  if (track.index_location) change(*track.index_location);
  for (std::string& location : track.more_locations) change(location);
}

std::string file_of(const std::string& location) {
  return fs::path(location).filename();
}

bool is_media(const std::string& file) {
  return file.ends_with(".rtpx") || file.ends_with(".rtcpx");
}

}  // namespace

std::shared_ptr<ObjectUpload> ObjectUploads::of(const fs::path& folder, const std::string& file,
                                                const S3Url& object) {
  const std::lock_guard lock(mutex_);
  auto& upload = uploads_[folder / file];
  if (!upload) upload = std::make_shared<ObjectUpload>(client_, folder, file, object);
  return upload;
}

void ObjectUploads::forget(const fs::path& folder, const std::string& file) {
  const std::lock_guard lock(mutex_);
  uploads_.erase(folder / file);
}

bool ObjectUploads::any_in(const fs::path& folder) {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(uploads_, [&](const auto& one) { return one.first.parent_path() == folder; });
}

S3Url object_of(const std::string& bucket, const std::string& base_path, const fs::path& folder,
                const std::string& file) {
  const fs::path name = folder.has_filename() ? folder.filename() : folder.parent_path().filename();
  return {bucket, join_key(join_key(base_path, name.string()), file)};
}

Manifest with_urls(Manifest manifest, const std::string& bucket, const std::string& base_path,
                   const fs::path& folder) {
  for (auto& [id, track] : manifest)
    for_each_location(track, [&](std::string& location) {
      if (!is_remote(location)) location = object_of(bucket, base_path, folder, file_of(location)).text();
    });
  return manifest;
}

TaskOutcome run_task(Client& client, ObjectUploads& uploads, const fs::path& folder, const TaskState& task,
                     const Manifest& whole, CallContext context,
                     const std::function<void(const std::string&, std::uint64_t)>& on_bytes) {
  TaskOutcome outcome;
  std::set<std::string> stored;
  for (const std::string& file : task.files) {
    const auto upload = uploads.of(folder, file, object_of(task.bucket, task.base_path, folder, file));
    auto state = upload->finish(context, [&](std::uint64_t bytes) {
      if (on_bytes) on_bytes(file, bytes);
    });
    uploads.forget(folder, file);
    if (state) {
      stored.insert(file);
      outcome.stored.push_back(std::move(*state));
    } else if (!outcome.error) {
      outcome.error = state.error();
    }
    if (context.stop.stop_requested()) break;
  }

  outcome.manifest = task.manifest;
  for (auto& [id, track] : outcome.manifest)
    for_each_location(track, [&](std::string& location) {
      const std::string file = file_of(location);
      if (!is_remote(location) && stored.contains(file))
        location = object_of(task.bucket, task.base_path, folder, file).text();
    });

  if (!outcome.error && task.upload_manifest) {
    Md5 md5{};
    const std::string text = serialize_manifest(with_urls(whole, task.bucket, task.base_path, folder));
    auto put =
        client.put(object_of(task.bucket, task.base_path, folder, "manifest.json"), text, md5, context);
    if (!put) outcome.error = put.error();
  }
  if (outcome.error) return outcome;

  if (task.delete_after_upload)
    for (const ObjectState& state : outcome.stored)
      if (state.verified && is_media(state.file)) (void)real_file_system().remove(folder / state.file);
  if (!task.name.empty())
    if (auto removed = remove_task(folder, task); !removed) outcome.error = removed.error();
  return outcome;
}

}  // namespace rtpx::s3
