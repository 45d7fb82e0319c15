#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/file_system.hpp"
#include "s3/range_cache.hpp"

namespace rtpx::s3 {

/// Objects as files whose paths are their URLs, "s3://bucket/call/video.rtpx"; other paths are the operating system's. A
/// folder is looked at once, by a list; from then on its objects are those that were there then, and what has changed
/// since cannot be read. Files are written whole: what is created appears with rename(), as one object. Any thread.
class ObjectFiles final : public FileSystem {
 public:
  /// `cache`: may be shared with others.
  ObjectFiles(std::shared_ptr<Client> client, std::shared_ptr<RangeCache> cache, std::stop_token stop);

  /// Files for reading are RemoteFile. Errors, besides those of the file system: network, denied, cancelled.
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<void> sync_directory(const std::filesystem::path& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) override;
  Result<std::optional<FileInfo>> stat(const std::filesystem::path& path) override;
  Result<void> create_directory(const std::filesystem::path& path) override;
  Result<void> create_directories(const std::filesystem::path& path) override;
  Result<void> link(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<std::uint64_t> free_bytes(const std::filesystem::path& path) override;

 private:
  using Objects = std::map<std::string, ObjectVersion>;  // by name in their folder
  class NewObject;

  [[nodiscard]] Result<std::shared_ptr<const Objects>> objects_in(const S3Url& folder);
  [[nodiscard]] Result<std::optional<ObjectVersion>> find(const std::filesystem::path& path);
  void forget(const S3Url& object);

  const std::shared_ptr<Client> client_;
  const std::stop_token stop_;
  const std::shared_ptr<RangeCache> cache_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Objects>> folders_;  // by URL
  std::map<std::filesystem::path, std::string> written_;          // not renamed yet
};

}  // namespace rtpx::s3
