#include "s3/recording_growth.hpp"

#include "base/file_system.hpp"
#include "s3/names.hpp"

namespace rtpx::s3 {

namespace fs = std::filesystem;

Result<std::unique_ptr<RecordingGrowth>> RecordingGrowth::begin(std::shared_ptr<Client> client, const fs::path& folder,
                                                                const S3Url& prefix) {
  const fs::path recording = recording_folder(folder);
  auto lock = QueueLock::take(recording);
  if (!lock) return std::unexpected(lock.error());
  return std::unique_ptr<RecordingGrowth>(
      new RecordingGrowth(std::move(client), recording, prefix, std::move(*lock)));
}

Result<void> RecordingGrowth::look(CallContext context) {
  const auto entries = real_file_system().list(folder_);
  if (!entries) return std::unexpected(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    if (entry.is_directory || !check_plain_name(entry.name)) continue;
    const auto bytes = regular_size(folder_ / entry.name);
    if (!bytes || *bytes < client_->config().part_bytes) continue;
    const auto upload = uploads_.of(folder_, entry.name, object_of(prefix_.bucket, prefix_.key, folder_, entry.name));
    if (auto grown = upload->grow(*bytes, context); !grown) return grown;
  }
  return {};
}

}  // namespace rtpx::s3
