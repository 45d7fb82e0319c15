#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtpx/manifest.hpp"
#include "rtpx/s3.hpp"
#include "s3/digest.hpp"

namespace rtpx::s3 {

/// The durable queue lies beside the recordings, `<base folder>/.rtpx-upload/<recording>/`, one small JSON
/// file for each object and each task, replaced atomically at every step. So nothing that was copied or
/// downloaded as a recording brings tasks with it; what does lie there is still only believed where it names
/// plain files of the recording and the endpoint in use. It holds names, sizes, upload ids and checksums,
/// never a secret.
inline constexpr const char* kQueueFolder = ".rtpx-upload";

/// `folder` absolute, without "." and without a slash at its end: its last component names the recording.
[[nodiscard]] std::filesystem::path recording_folder(const std::filesystem::path& folder);
/// Where a recording's queue lies. `folder` as recording_folder() answers it, here and below.
[[nodiscard]] std::filesystem::path queue_of(const std::filesystem::path& folder);

/// An object at a service.
struct Target {
  std::string endpoint;  ///< URL
  S3Url object;
  bool operator==(const Target& other) const {
    return endpoint == other.endpoint && object.bucket == other.object.bucket &&
           object.key == other.object.key;
  }
};

/// One part that the server has.
struct StoredPart {
  std::string etag;
  Md5 md5{};
  std::string crc32c;  ///< base64; empty: none was sent
};

/// What is known of one file's way into its object.
struct ObjectState {
  Target target;
  std::string file;              ///< plain name in the recording's folder
  std::uint64_t bytes = 0;       ///< size when the upload was planned; of a growing file, 0
  std::uint64_t part_bytes = 0;  ///< 0: put at once
  std::string upload_id;         ///< empty: none under way
  bool upload_wanted = false;    ///< multipart uploads may have been begun whose ids are not known
  bool with_crc32c = false;      ///< the multipart upload was begun with this checksum for its parts
  std::map<int, StoredPart> parts;
  bool done = false;
  bool verified = false;  ///< size and checksum of the object were compared
  std::string etag;       ///< of the object as we last left it; empty: we have put none
};

/// Total. nullopt: not a state of this version, or one that names what it must not.
[[nodiscard]] std::optional<ObjectState> parse_object_state(std::string_view json);
[[nodiscard]] std::string serialize_object_state(const ObjectState& state);

/// What is known of `file` on its way to `target`: a fresh state when there is nothing, or when it does not
/// parse (then uploads that were begun may be open).
[[nodiscard]] ObjectState load_object_state(const std::filesystem::path& folder, const Target& target,
                                            const std::string& file);
[[nodiscard]] Result<void> save_object_state(const std::filesystem::path& folder, const ObjectState& state);
[[nodiscard]] Result<void> remove_object_state(const std::filesystem::path& folder, const ObjectState& state);
/// Every object of the folder's queue.
[[nodiscard]] std::vector<ObjectState> load_object_states(const std::filesystem::path& folder);

/// An upload task that is not complete.
struct TaskState {
  std::string name;  ///< of its file, without the folder; assigned by save_task() when empty
  std::string endpoint, bucket, base_path;
  bool upload_manifest = true, delete_after_upload = false;
  std::vector<std::string> files;  ///< plain names in the recording's folder
  Manifest manifest;               ///< tracks of the task, local locations
};

/// Total. nullopt: not a task of this version, or one that names what it must not.
[[nodiscard]] std::optional<TaskState> parse_task(std::string_view json);
[[nodiscard]] std::string serialize_task(const TaskState& task);

[[nodiscard]] Result<void> save_task(const std::filesystem::path& folder, TaskState& task);
[[nodiscard]] std::vector<TaskState> load_tasks(const std::filesystem::path& folder);
[[nodiscard]] Result<void> remove_task(const std::filesystem::path& folder, const TaskState& task);

/// What is to be finished: the tasks on disk and, where a crash ended the recording of a file that was stored
/// while it grew, one task more for the whole recording as it is.
[[nodiscard]] std::vector<TaskState> unfinished_tasks(const std::filesystem::path& folder);

/// Recordings with a queue: `folder` itself or folders in it. They need not be there any more.
[[nodiscard]] std::vector<std::filesystem::path> folders_with_queues(const std::filesystem::path& folder);

/// Everything of a recording but its manifest, which goes last, its packet index, and what is hidden. Errors: io, where one of
/// them is no regular file; those of the file system.
[[nodiscard]] Result<std::vector<std::string>> files_of_recording(const std::filesystem::path& folder);

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

/// Removes the queue of a recording that was deleted, unless another uploads from it or the service may still
/// hold parts: these are aborted by the next resume.
void forget_queue(const std::filesystem::path& folder);

}  // namespace rtpx::s3
