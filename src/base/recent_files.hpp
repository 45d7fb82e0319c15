#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/file_system.hpp"

namespace rtpx {

/// The end of files that only grow, as far as it was read: who looks at them again and again reads what is new. Any
/// thread.
class RecentBytes {
 public:
  /// `most`: bytes of all files; the longest gives way.
  explicit RecentBytes(std::size_t most) : most_(most) {}

  /// As File::pread().
  [[nodiscard]] Result<std::size_t> read(const std::filesystem::path& path, const File& file, std::span<std::byte> to,
                                         std::uint64_t offset);
  /// The file has `size` bytes. One that has become shorter is another file.
  void opened(const std::filesystem::path& path, std::uint64_t size);
  [[nodiscard]] std::size_t most() const noexcept { return most_; }

 private:
  struct Run {
    std::uint64_t begin = 0;
    std::vector<std::byte> bytes;
    [[nodiscard]] std::uint64_t end() const { return begin + bytes.size(); }
  };
  void cut_the_longest();

  const std::size_t most_;
  std::mutex mutex_;
  std::map<std::filesystem::path, Run> runs_;
  std::size_t bytes_ = 0;
};

/// The files of another file system, to be read only; their ends are read once.
class RecentFiles final : public FileSystem {
 public:
  RecentFiles(std::shared_ptr<FileSystem> files, std::shared_ptr<RecentBytes> recent)
      : files_(std::move(files)), recent_(std::move(recent)) {}

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) override { return files_->list(path); }
  Result<std::optional<FileInfo>> stat(const std::filesystem::path& path) override { return files_->stat(path); }
  Result<std::uint64_t> free_bytes(const std::filesystem::path& path) override { return files_->free_bytes(path); }
  Result<void> create_directory(const std::filesystem::path& path) override { return refuse(path); }
  Result<void> create_directories(const std::filesystem::path& path) override { return refuse(path); }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path&) override { return refuse(from); }
  Result<void> link(const std::filesystem::path& from, const std::filesystem::path&) override { return refuse(from); }
  Result<void> remove(const std::filesystem::path& path) override { return refuse(path); }
  Result<void> sync_directory(const std::filesystem::path& path) override { return refuse(path); }

 private:
  [[nodiscard]] static Result<void> refuse(const std::filesystem::path& path);

  const std::shared_ptr<FileSystem> files_;
  const std::shared_ptr<RecentBytes> recent_;
};

}  // namespace rtpx
