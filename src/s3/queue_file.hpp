#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"
#include "rtpx/s3.hpp"
#include "s3/digest.hpp"

namespace rtpx::s3 {

/// The durable queue lives in the recording's own folder, one small JSON file for each object and each task,
/// replaced atomically at every step. It holds names, sizes, upload ids and checksums, never a secret.
inline constexpr const char* kQueueFolder = ".rtpx-upload";

/// One part that the server has.
struct StoredPart {
  std::string etag;
  Md5 md5{};
};

/// What is known of one file's way into its object.
struct ObjectState {
  S3Url object;
  std::string file;              ///< relative to the recording's folder
  std::uint64_t bytes = 0;       ///< size when the upload was planned; of a growing file, 0
  std::uint64_t part_bytes = 0;  ///< 0: put at once
  std::string upload_id;         ///< empty: none under way
  bool upload_wanted = false;    ///< a multipart upload may have been begun whose id was not stored
  std::map<int, StoredPart> parts;
  bool done = false;
  bool verified = false;  ///< size and checksum of the object were compared
};

[[nodiscard]] std::filesystem::path object_state_path(const std::filesystem::path& folder,
                                                      const std::string& file);
/// nullopt when there is none, or when it does not parse (then the upload starts anew).
[[nodiscard]] std::optional<ObjectState> load_object_state(const std::filesystem::path& folder,
                                                           const std::string& file);
[[nodiscard]] Result<void> save_object_state(const std::filesystem::path& folder, const ObjectState& state);
/// Every object of the folder's queue.
[[nodiscard]] std::vector<ObjectState> load_object_states(const std::filesystem::path& folder);

/// An upload task that is not complete.
struct TaskState {
  std::string name;  ///< of its file, without the folder; assigned by save_task() when empty
  std::string bucket, base_path;
  bool upload_manifest = true, delete_after_upload = false;
  std::vector<std::string> files;  ///< relative to the folder
  Manifest manifest;               ///< tracks of the task, local locations
};

[[nodiscard]] Result<void> save_task(const std::filesystem::path& folder, TaskState& task);
[[nodiscard]] std::vector<TaskState> load_tasks(const std::filesystem::path& folder);
[[nodiscard]] Result<void> remove_task(const std::filesystem::path& folder, const TaskState& task);

/// Recordings with an unfinished task: `folder` itself or folders in it.
[[nodiscard]] std::vector<std::filesystem::path> folders_with_tasks(const std::filesystem::path& folder);

}  // namespace rtpx::s3
