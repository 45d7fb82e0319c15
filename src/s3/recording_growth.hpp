#pragma once

#include <filesystem>
#include <memory>

#include "s3/queue_file.hpp"
#include "s3/task_run.hpp"

namespace rtpx::s3 {

/// A recording that is being written, stored while it grows: parts of its files go up when they are full, as multipart
/// uploads that upload_recording() goes on with and completes, in this process or another, also after a crash. What the
/// disk has lost by then is compared, and stored anew. For one thread at a time.
class RecordingGrowth {
 public:
  /// It will be stored under `prefix/<folder name>/`. Errors: already_exists, where another uploads from it; io.
  [[nodiscard]] static Result<std::unique_ptr<RecordingGrowth>> begin(std::shared_ptr<Client> client,
                                                                      const std::filesystem::path& folder,
                                                                      const S3Url& prefix);
  /// Stores the parts that have filled since. Waits. Errors: network, denied, io, cancelled.
  [[nodiscard]] Result<void> look(CallContext context);

 private:
  RecordingGrowth(std::shared_ptr<Client> client, std::filesystem::path folder, S3Url prefix, QueueLock lock)
      : client_(std::move(client)),
        folder_(std::move(folder)),
        prefix_(std::move(prefix)),
        lock_(std::move(lock)),
        uploads_(*client_) {}

  const std::shared_ptr<Client> client_;
  const std::filesystem::path folder_;
  const S3Url prefix_;
  QueueLock lock_;
  ObjectUploads uploads_;
};

/// Aborts what the service still holds of recordings of `base_folder` that were deleted before they were stored. Waits.
/// Errors: network, denied, io, cancelled.
[[nodiscard]] Result<void> abort_deleted(Client& client, const std::filesystem::path& base_folder, CallContext context);

}  // namespace rtpx::s3
