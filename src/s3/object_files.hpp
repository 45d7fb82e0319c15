#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "s3/range_cache.hpp"
#include "s3/remote_files.hpp"

namespace rtpx::s3 {

/// Objects as files. A folder is looked at once, by a list; from then on its objects are those that were
/// there then, and what has changed since cannot be read. Files are written whole: what is created appears
/// with rename(), as one object. Any thread.
class ObjectFiles final : public RemoteFiles {
 public:
  /// `cache`: may be shared with others.
  ObjectFiles(std::shared_ptr<Client> client, std::shared_ptr<RangeCache> cache, std::stop_token stop);

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> remove(const std::filesystem::path& path) override;

 protected:
  Result<std::unique_ptr<File>> open_object(const std::filesystem::path& url) override;
  Result<std::optional<FileInfo>> stat_object(const std::filesystem::path& url) override;
  Result<std::vector<DirectoryEntry>> list_objects(const std::filesystem::path& url) override;

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
  std::map<std::filesystem::path, std::string> written_;           // not renamed yet
};

}  // namespace rtpx::s3
