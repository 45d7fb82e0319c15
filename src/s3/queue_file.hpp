#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rtpx/manifest.hpp"
#include "rtpx/s3.hpp"
#include "s3/digest.hpp"

namespace rtpx::s3 {

/// The durable queue lives in the recording's own folder, one small JSON file for each object and each task,
/// replaced atomically at every step. It holds names, sizes, upload ids and checksums, never a secret.
inline constexpr const char* kQueueFolder = ".rtpx-upload";

inline constexpr int kMaxParts = 10'000;  ///< of a multipart upload: AWS's limit

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
  bool upload_wanted = false;    ///< multipart uploads may have been begun whose ids are not known
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

/// What is to be finished: the tasks on disk and, where a crash ended the recording of a file that was stored
/// while it grew, one task more for the whole recording as it is.
[[nodiscard]] std::vector<TaskState> unfinished_tasks(const std::filesystem::path& folder);

/// Recordings with unfinished uploads: `folder` itself or folders in it.
[[nodiscard]] std::vector<std::filesystem::path> folders_with_uploads(const std::filesystem::path& folder);

/// Everything of a recording but its manifest, which goes last, and what is hidden.
[[nodiscard]] std::vector<std::string> files_of_recording(const std::filesystem::path& folder);

/// Held by whoever uploads from a folder, so that no two do it at once, in this process or another. Ends with
/// the object, or the process.
class QueueLock {
 public:
  /// Errors: already_exists when another has it; those of the file system.
  [[nodiscard]] static Result<QueueLock> take(const std::filesystem::path& folder);
  QueueLock(QueueLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  QueueLock& operator=(QueueLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~QueueLock();

 private:
  explicit QueueLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace rtpx::s3
