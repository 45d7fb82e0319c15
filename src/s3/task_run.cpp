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
  for (std::string& location : track.more_rtcp_locations) change(location);
}

std::string file_of(const std::string& location) {
  return fs::path(location).filename();
}

bool is_media(const std::string& file) {
  return file.ends_with(".rtpx") || file.ends_with(".rtcpx");
}

/// Tracks are only ever added to a recording's manifest.
bool is_earlier_of(const Manifest& stored, const Manifest& ours) {
  return std::ranges::all_of(stored, [&](const auto& entry) {
    const auto at = ours.find(entry.first);
    return at != ours.end() && at->second.start_time == entry.second.start_time;
  });
}

/// The manifest's place at the service, which it shares with no other recording.
class ManifestPlace {
 public:
  ManifestPlace(Client& client, const fs::path& folder, const TaskState& task)
      : client_(client),
        folder_(folder),
        state_(load_object_state(
            folder,
            {client.config().endpoint, object_of(task.bucket, task.base_path, folder, "manifest.json")},
            "manifest.json")) {}

  /// Errors: already_exists when the manifest of another recording is there; network, cancelled.
  Result<void> look(const Manifest& whole, CallContext context) {
    replace_ = Replace::nothing;
    const S3Url& object = state_.target.object;
    const auto info = client_.head(object, context);
    if (!info) {
      const Errc code = info.error().code;
      if (code == Errc::network || code == Errc::cancelled) return std::unexpected(info.error());
      return {};  // nothing there, or no permission to look: the upload itself will tell
    }
    replace_ = Replace::anything;
    if (!state_.etag.empty() && info->etag == state_.etag) return {};
    const auto text = client_.get_text(object, context);
    if (!text) return std::unexpected(text.error());
    const auto stored = parse_manifest(*text);
    if (stored && is_earlier_of(*stored, whole)) return {};
    return fail(Errc::already_exists,
                object.text() +
                    " is there already, and is the manifest of another recording. It is "
                    "not overwritten: choose another prefix, or another name for the folder.");
  }

  Result<void> publish(const Manifest& whole, const std::string& text, CallContext context) {
    auto put = client_.put(state_.target.object, text, context, replace_);
    if (!put && put.error().code == Errc::already_exists) {  // since we looked, or our own answer was lost
      if (auto looked = look(whole, context); !looked) return looked;
      put = client_.put(state_.target.object, text, context, replace_);
    }
    if (!put) return std::unexpected(put.error());
    state_.bytes = text.size();
    state_.etag = put->etag;
    state_.done = true;
    return save_object_state(folder_, state_);
  }

 private:
  Client& client_;
  const fs::path& folder_;
  ObjectState state_;
  Replace replace_ = Replace::nothing;
};

/// Before a local file goes, the service proves now that it has it.
std::optional<Error> delete_stored(Client& client, const fs::path& folder,
                                   const std::vector<ObjectState>& stored, CallContext context) {
  std::optional<Error> error;
  for (const ObjectState& state : stored) {
    const fs::path file = folder / state.file;
    if (!is_media(state.file)) continue;
    if (const auto there = real_file_system().stat(file); there && !*there) continue;
    const auto like = compare_with_stored(client, file, state.target.object, context);
    if (like && *like == Likeness::same) {
      (void)real_file_system().remove(file);
    } else if (!error && !like) {
      error = like.error();
    } else if (!error && *like == Likeness::different) {
      error = Error{Errc::io, state.target.object.text() + " is not what is in " + file.string() +
                                  " any more. The local file stays."};
    }
  }
  return error;
}

}  // namespace

Result<Likeness> compare_with_stored(Client& client, const fs::path& file, const S3Url& object,
                                     CallContext context) {
  const auto info = client.head(object, context);
  if (!info) return std::unexpected(info.error());
  return compare_with_etag(file, *info);
}

Result<void> check_locations(const Manifest& manifest, const fs::path& folder) {
  for (auto [id, track] : manifest) {
    std::optional<Error> error;
    for_each_location(track, [&](const std::string& location) {
      if (is_remote(location) || error) return;
      constexpr std::string_view kFileScheme = "file://";
      const bool url = location.starts_with(kFileScheme);
      const fs::path path = folder / (url ? location.substr(kFileScheme.size()) : location);
      std::error_code ignored;
      const bool elsewhere =
          fs::exists(path, ignored) && !fs::equivalent(path.parent_path(), folder, ignored);
      if (check_plain_name(file_of(location)) &&
          (!elsewhere || fs::exists(folder / file_of(location), ignored)))
        return;
      error =
          Error{Errc::invalid_argument, "Track \"" + id + "\" of " + folder.string() + " names " + location +
                                            ", which is not in the recording's folder. Move it there first."};
    });
    if (error) return std::unexpected(*error);
  }
  return {};
}

std::shared_ptr<ObjectUpload> ObjectUploads::of(const fs::path& folder, const std::string& file,
                                                const S3Url& object) {
  const std::lock_guard lock(mutex_);
  auto& upload = uploads_[{folder / file, object.text()}];
  if (!upload) upload = std::make_shared<ObjectUpload>(client_, folder, file, object);
  return upload;
}

void ObjectUploads::forget(const fs::path& folder, const std::string& file, const S3Url& object) {
  const std::lock_guard lock(mutex_);
  uploads_.erase({folder / file, object.text()});
}

bool ObjectUploads::any_in(const fs::path& folder) {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(uploads_,
                             [&](const auto& one) { return one.first.first.parent_path() == folder; });
}

S3Url object_of(const std::string& bucket, const std::string& base_path, const fs::path& folder,
                const std::string& file) {
  return {bucket, join_key(join_key(base_path, folder.filename().string()), file)};
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
  outcome.manifest = task.manifest;
  ManifestPlace place(client, folder, task);
  if (task.upload_manifest)
    if (auto looked = place.look(whole, context); !looked) {
      outcome.error = looked.error();
      return outcome;
    }
  std::set<std::string> stored;
  for (const std::string& file : task.files) {
    const S3Url object = object_of(task.bucket, task.base_path, folder, file);
    const auto upload = uploads.of(folder, file, object);
    auto state = upload->finish(context, [&](std::uint64_t bytes) {
      if (on_bytes) on_bytes(file, bytes);
    });
    uploads.forget(folder, file, object);
    if (state) {
      stored.insert(file);
      outcome.stored.push_back(std::move(*state));
    } else if (!outcome.error) {
      outcome.error = state.error();
    }
    if (context.stop.stop_requested()) break;
  }

  for (auto& [id, track] : outcome.manifest)
    for_each_location(track, [&](std::string& location) {
      const std::string file = file_of(location);
      if (!is_remote(location) && stored.contains(file))
        location = object_of(task.bucket, task.base_path, folder, file).text();
    });

  if (!outcome.error && task.upload_manifest) {
    const std::string text = serialize_manifest(with_urls(whole, task.bucket, task.base_path, folder));
    if (auto published = place.publish(whole, text, context); !published) outcome.error = published.error();
  }
  if (!outcome.error && task.delete_after_upload)
    outcome.error = delete_stored(client, folder, outcome.stored, context);
  if (outcome.error) return outcome;
  if (!task.name.empty())
    if (auto removed = remove_task(folder, task); !removed) outcome.error = removed.error();
  return outcome;
}

}  // namespace rtpx::s3
