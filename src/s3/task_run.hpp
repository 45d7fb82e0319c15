#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "s3/client.hpp"
#include "s3/object_upload.hpp"
#include "s3/queue_file.hpp"

namespace rtpx::s3 {

/// The object uploads of a process, so that a growing file and its end meet in one. Thread-safe.
class ObjectUploads {
 public:
  explicit ObjectUploads(Client& client) : client_(client) {}
  [[nodiscard]] std::shared_ptr<ObjectUpload> of(const std::filesystem::path& folder, const std::string& file,
                                                 const S3Url& object);
  void forget(const std::filesystem::path& folder, const std::string& file, const S3Url& object);
  /// True when a file of `folder` is under way.
  [[nodiscard]] bool any_in(const std::filesystem::path& folder);

 private:
  Client& client_;
  std::mutex mutex_;
  std::map<std::pair<std::filesystem::path, std::string>, std::shared_ptr<ObjectUpload>> uploads_;
};

/// `base_path/<recording folder>/<file>`; `folder` as recording_folder() answers it.
[[nodiscard]] S3Url object_of(const std::string& bucket, const std::string& base_path,
                              const std::filesystem::path& folder, const std::string& file);

/// `manifest` with the locations of files in `folder` replaced by their s3:// URLs.
[[nodiscard]] Manifest with_urls(Manifest manifest, const std::string& bucket, const std::string& base_path,
                                 const std::filesystem::path& folder);

struct TaskOutcome {
  Manifest manifest;  ///< s3:// for what is stored, the local location for what is not
  std::vector<ObjectState> stored;
  std::optional<Error> error;  ///< of the first file that could not be stored
};

/// Asks the service whether the object is the file as it is here now: equal in size and checksum.
[[nodiscard]] Result<Likeness> compare_with_stored(Client& client, const std::filesystem::path& file,
                                                   const S3Url& object, CallContext context);

/// The local locations of the manifest that name neither a file in the folder nor one that is missing, but
/// one elsewhere: what is stored has no place for it. Errors: invalid_argument, naming the first.
[[nodiscard]] Result<void> check_locations(const Manifest& manifest, const std::filesystem::path& folder);

/// Stores the files of a task in turn, then the manifest of the whole recording, then deletes what is to be
/// deleted and proven stored, then forgets the task. `whole` is what is published as manifest.json; where
/// that of another recording is, nothing is stored. One file that fails does not stop the others.
[[nodiscard]] TaskOutcome run_task(
    Client& client, ObjectUploads& uploads, const std::filesystem::path& folder, const TaskState& task,
    const Manifest& whole, CallContext context,
    const std::function<void(const std::string& file, std::uint64_t bytes)>& on_bytes);

}  // namespace rtpx::s3
