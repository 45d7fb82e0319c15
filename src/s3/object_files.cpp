#include "s3/object_files.hpp"

#include "sealed/memory_file.hpp"

namespace rtpx::s3 {
namespace {

namespace fs = std::filesystem;

/// The URL of the folder that an object lies in; its key ends in a slash, or is empty.
S3Url folder_of(const S3Url& object) {
  const auto slash = object.key.find_last_of('/');
  return {object.bucket, slash == std::string::npos ? std::string() : object.key.substr(0, slash + 1)};
}

/// For one thread at a time, as every File.
class ObjectFile final : public RemoteObject {
 public:
  ObjectFile(std::shared_ptr<RangeCache> cache, ObjectVersion version)
      : RemoteObject(version.object.text()), cache_(std::move(cache)), version_(std::move(version)) {}

  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override {
    return cache_->read(version_, offset, to, ahead_);
  }
  Result<std::uint64_t> size() const override { return version_.bytes; }

 private:
  const std::shared_ptr<RangeCache> cache_;
  const ObjectVersion version_;
  mutable ReadAhead ahead_;
};

}  // namespace

/// Kept in memory until it is renamed.
class ObjectFiles::NewObject final : public sealed::MemoryFile {
 public:
  NewObject(ObjectFiles& files, fs::path path) : files_(files), path_(std::move(path)) {}
  Result<void> close() override {
    const std::lock_guard lock(files_.mutex_);
    files_.written_[path_] = content();
    return {};
  }

 private:
  ObjectFiles& files_;
  const fs::path path_;
};

ObjectFiles::ObjectFiles(std::shared_ptr<Client> client, std::shared_ptr<RangeCache> cache,
                         std::stop_token stop)
    : client_(std::move(client)), stop_(std::move(stop)), cache_(std::move(cache)) {}

Result<std::shared_ptr<const ObjectFiles::Objects>> ObjectFiles::objects_in(const S3Url& folder) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = folders_.find(folder.text()); known != folders_.end()) return known->second;
  }
  RetryBudget budget(RangeCache::kPatience);
  const auto listed = client_->list(folder, {budget, stop_});
  if (!listed) return std::unexpected(listed.error());
  auto objects = std::make_shared<Objects>();
  for (const S3Object& one : *listed) {
    std::string name = one.key.substr(folder.key.size());
    if (name.find('/') == std::string::npos)
      objects->emplace(std::move(name), ObjectVersion{{folder.bucket, one.key}, one.etag, one.bytes});
  }
  const std::lock_guard lock(mutex_);
  return folders_.try_emplace(folder.text(), std::move(objects)).first->second;
}

Result<std::optional<ObjectVersion>> ObjectFiles::find(const fs::path& path) {
  const auto url = parse_s3_url(path.native());
  if (!url) return std::unexpected(url.error());
  const S3Url folder = folder_of(*url);
  const auto objects = objects_in(folder);
  if (!objects) return std::unexpected(objects.error());
  const auto found = (*objects)->find(url->key.substr(folder.key.size()));
  return found == (*objects)->end() ? std::nullopt : std::optional(found->second);
}

void ObjectFiles::forget(const S3Url& object) {
  const std::lock_guard lock(mutex_);
  folders_.erase(folder_of(object).text());
}

Result<std::unique_ptr<File>> ObjectFiles::open(const fs::path& path, OpenMode mode) {
  if (is_s3_url(path) && mode == OpenMode::create_new) return std::make_unique<NewObject>(*this, path);
  return RemoteFiles::open(path, mode);
}

Result<std::unique_ptr<File>> ObjectFiles::open_object(const fs::path& url) {
  auto found = find(url);
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(Errc::not_found, "There is no " + url.string() + ".");
  return std::make_unique<ObjectFile>(cache_, std::move(**found));
}

Result<void> ObjectFiles::rename(const fs::path& from, const fs::path& to) {
  if (!is_s3_url(from) && !is_s3_url(to)) return RemoteFiles::rename(from, to);
  const auto url = parse_s3_url(to.native());
  if (!url) return std::unexpected(url.error());
  std::string content;
  {
    const std::lock_guard lock(mutex_);
    auto written = written_.extract(from);
    if (!written) return read_only(from);
    content = std::move(written.mapped());
  }
  RetryBudget budget(RangeCache::kPatience);
  const auto put = client_->put(*url, std::move(content), {budget, stop_});
  forget(*url);
  return put ? Result<void>() : std::unexpected(put.error());
}

Result<void> ObjectFiles::remove(const fs::path& path) {
  if (!is_s3_url(path)) return RemoteFiles::remove(path);
  {
    const std::lock_guard lock(mutex_);
    if (written_.erase(path) > 0) return {};
  }
  const auto there = find(path);
  if (!there) return std::unexpected(there.error());
  if (!*there) return fail(Errc::not_found, "There is no " + path.string() + ".");
  RetryBudget budget(RangeCache::kPatience);
  auto removed = client_->remove((*there)->object, {budget, stop_});
  forget((*there)->object);
  return removed;
}

Result<std::vector<DirectoryEntry>> ObjectFiles::list_objects(const fs::path& url) {
  const auto folder = parse_s3_url((url / "").native());
  if (!folder) return std::unexpected(folder.error());
  const auto objects = objects_in(*folder);
  if (!objects) return std::unexpected(objects.error());
  std::vector<DirectoryEntry> out;
  for (const auto& [name, version] : **objects)
    if (!name.empty()) out.push_back({name, false});
  return out;
}

Result<std::optional<FileInfo>> ObjectFiles::stat_object(const fs::path& url) {
  const auto found = find(url);
  if (!found) return std::unexpected(found.error());
  return *found ? std::optional(FileInfo{false, (*found)->bytes, (*found)->etag}) : std::nullopt;
}

}  // namespace rtpx::s3
