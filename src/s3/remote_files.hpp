#pragma once

#include "base/remote_file.hpp"

namespace rtpx::s3 {

/// Paths that are URLs, "s3://bucket/call/video.rtpx", are objects of a service, which can be read; other
/// paths are the operating system's. Who derives from it says how objects are read. Any thread.
class RemoteFiles : public FileSystem {
 public:
  /// Objects, for reading, are RemoteFile. Errors, besides those of the file system: network, denied,
  /// cancelled.
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

 protected:
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open_object(const std::filesystem::path& url) = 0;
  [[nodiscard]] virtual Result<std::optional<FileInfo>> stat_object(const std::filesystem::path& url) = 0;
  [[nodiscard]] virtual Result<std::vector<DirectoryEntry>> list_objects(
      const std::filesystem::path& url) = 0;
};

/// An object that is open: read by whoever derives from it, and never written.
class RemoteObject : public RemoteFile {
 public:
  explicit RemoteObject(std::filesystem::path url) : url_(std::move(url)) {}
  Result<std::size_t> writev(std::span<const Bytes> parts) override;
  Result<void> pwrite(Bytes bytes, std::uint64_t offset) override;
  Result<void> truncate(std::uint64_t size) override;
  Result<void> sync() override { return {}; }
  Result<void> sync_range(std::uint64_t, std::uint64_t, RangeSync) override { return {}; }
  Result<void> reserve(std::uint64_t) override { return {}; }
  bool preallocate(std::uint64_t) override { return false; }
  Result<void> close() override { return {}; }

 private:
  const std::filesystem::path url_;
};

/// "s3://… is an object of a service: …"; Errc::unsupported.
[[nodiscard]] Unexpected<Error> read_only(const std::filesystem::path& url);

}  // namespace rtpx::s3
