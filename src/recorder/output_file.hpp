#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/file_system.hpp"
#include "storage/index.hpp"

namespace rtpx {

/// One file that grows: written by the writer thread, synced by the sync thread, opened on demand.
struct OutputFile {
  OutputFile(std::string track_id_, std::filesystem::path path_, IndexContent content_)
      : track_id(std::move(track_id_)), path(std::move(path_)), content(content_) {}

  const std::string track_id;
  const std::filesystem::path path;
  const IndexContent content;
  const std::uint32_t number = next_number();  ///< of this file in its index; unique in the process
  std::atomic<std::uint64_t> written{0};       ///< bytes in the file
  std::atomic<std::uint64_t> records{0};       ///< whole ones in the file
  std::atomic<bool> finished{false};           ///< no byte is added any more
  std::atomic<bool> abandoned{
      false};  ///< left because it failed, which was reported: no more errors of it count
  std::atomic<bool> created{false};  ///< the name exists, perhaps not durably
  std::atomic<bool> synced{false};   ///< a sync of it went well

  /// The open file, if it is open now.
  [[nodiscard]] std::shared_ptr<File> handle() const {
    const std::lock_guard lock(mutex_);
    return handle_;
  }
  void set_handle(std::shared_ptr<File> file) {
    const std::lock_guard lock(mutex_);
    handle_.swap(file);
  }

 private:
  [[nodiscard]] static std::uint32_t next_number() {
    static std::atomic<std::uint32_t> last{0};
    return last.fetch_add(1) + 1;
  }
  mutable std::mutex mutex_;
  std::shared_ptr<File> handle_;
};

/// Keeps a bounded number of files open, those written most often. When all places are taken by files in
/// steady use, a further file is opened for one write and closed: evicting by age would close each file just
/// before its next turn. One thread.
class OpenFiles {
 public:
  /// `places` 0: well under the process's soft limit of descriptors, leaving room for sockets.
  explicit OpenFiles(FileSystem& files, std::size_t places = 0);

  /// The open file, positioned at its end; valid until the next call. `now` counts flush passes.
  /// Errors: as FileSystem::open(); too_many_files only when there is no descriptor at all.
  [[nodiscard]] Result<File*> get(OutputFile& output, std::uint32_t now);
  void close(OutputFile& output);
  /// complete(), on the open file or on one opened for it. Errors: as FileSystem::open() and DecodedFile::complete().
  [[nodiscard]] Result<void> complete(OutputFile& output);

  [[nodiscard]] std::size_t places() const { return places_; }

 private:
  struct Kept {
    OutputFile* output;
    std::shared_ptr<File> file;
    std::uint32_t last_use;
  };
  [[nodiscard]] Result<std::unique_ptr<File>> open(OutputFile& output);
  void close_oldest();

  FileSystem& files_;
  std::size_t places_;
  std::list<Kept> kept_;  // the least recently used in front
  std::unordered_map<const OutputFile*, std::list<Kept>::iterator> find_;
  std::shared_ptr<File> passing_;  // a file without a place, and whose it is
  OutputFile* passing_output_ = nullptr;
};

}  // namespace rtpx
