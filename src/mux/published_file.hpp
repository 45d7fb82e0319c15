#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "rtpx/result.hpp"
#include "util/bytes.hpp"
#include "util/file_system.hpp"

namespace rtpx {

/// A file that appears under its name only when it is whole: written under a temporary name in the same
/// folder, synced, renamed, and its folder synced. An PublishedFile destroyed before publish() leaves nothing
/// behind. One thread. After an error the object is good for nothing but its destructor;
/// every later call but that answers the first error again.
class PublishedFile {
 public:
  static constexpr std::size_t kBufferSize = 256U << 10;  ///< the second-level cache holds it

  /// Errors: io, no_space, denied, not_found (the folder).
  [[nodiscard]] static Result<std::unique_ptr<PublishedFile>> create(const std::filesystem::path& path,
                                                                  FileSystem& files = real_file_system());
  ~PublishedFile();
  PublishedFile(const PublishedFile&) = delete;
  PublishedFile& operator=(const PublishedFile&) = delete;

  /// Where the next byte goes, counted from the file's start.
  [[nodiscard]] std::uint64_t position() const noexcept { return written_ + fill_; }
  /// Bytes that reserve() can give without a write.
  [[nodiscard]] std::size_t room() const noexcept { return buffer_.size() - fill_; }

  Result<void> append(Bytes bytes);
  /// Overwrites bytes that were appended before.
  Result<void> patch(std::uint64_t offset, Bytes bytes);
  /// Reads bytes that were appended before; fewer at the end of the file.
  Result<std::size_t> read_back(std::uint64_t offset, std::span<std::byte> into);
  /// Hands the buffer to the operating system.
  Result<void> flush();
  /// Durable under its final name.
  Result<void> publish();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] const std::filesystem::path& temporary_path() const noexcept { return temporary_; }

 private:
  PublishedFile(FileSystem& files, std::filesystem::path path, std::filesystem::path temporary,
             std::unique_ptr<File> file);
  Result<void> write_out(Bytes bytes);
  std::unexpected<Error> failure(Error error);

  FileSystem* files_;
  std::filesystem::path path_, temporary_;
  std::unique_ptr<File> file_;
  bool published_ = false;
  std::optional<Error> failed_;  // the first failure
  std::uint64_t written_ = 0, started_writeback_ = 0;
  std::size_t fill_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace rtpx
