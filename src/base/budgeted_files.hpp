#pragma once

#include <filesystem>
#include <memory>
#include <mutex>

#include "base/file_system.hpp"

namespace rtpx {

/// How much may be written: what comes out stays in proportion to what came in, and a disk keeps some room for those
/// who record to it. Any thread.
class WriteBudget {
 public:
  /// `most`: bytes, 0: no limit. `folder`: on the disk of which `min_free` bytes have to stay free.
  WriteBudget(FileSystem& files, std::filesystem::path folder, std::uint64_t most, std::uint64_t min_free);

  /// `bytes` more are about to be written. Errors: no_space, and then nothing was taken.
  [[nodiscard]] Result<void> take(std::uint64_t bytes);
  /// `bytes` that were taken are not in use any more.
  void give_back(std::uint64_t bytes);
  [[nodiscard]] std::uint64_t taken() const;

 private:
  [[nodiscard]] Result<void> look_at_disk();

  FileSystem& files_;
  const std::filesystem::path folder_;
  const std::uint64_t most_, min_free_;
  mutable std::mutex mutex_;
  std::uint64_t taken_ = 0, until_look_ = 0;
};

/// The files of another file system, whose growth a budget pays for. A file that is removed gives back what it has.
class BudgetedFiles final : public FileSystem {
 public:
  /// Both outlive this and all its files.
  BudgetedFiles(FileSystem& files, WriteBudget& budget) : files_(files), budget_(budget) {}

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<void> create_directory(const std::filesystem::path& path) override {
    return files_.create_directory(path);
  }
  Result<void> create_directories(const std::filesystem::path& path) override {
    return files_.create_directories(path);
  }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return files_.rename(from, to);
  }
  Result<void> link(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return files_.link(from, to);
  }
  Result<void> sync_directory(const std::filesystem::path& path) override {
    return files_.sync_directory(path);
  }
  Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) override {
    return files_.list(path);
  }
  Result<std::optional<FileInfo>> stat(const std::filesystem::path& path) override {
    return files_.stat(path);
  }
  Result<std::uint64_t> free_bytes(const std::filesystem::path& path) override {
    return files_.free_bytes(path);
  }

 private:
  FileSystem& files_;
  WriteBudget& budget_;
};

}  // namespace rtpx
