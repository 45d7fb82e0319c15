#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "rtpx/result.hpp"
#include "util/bytes.hpp"

namespace rtpx {

/// A file that appears under its name only when it is whole: written under a temporary name in the same
/// folder, synced, renamed, and its folder synced. An OutputFile destroyed before publish() leaves nothing
/// behind. One thread. After an error the object is good for nothing but its destructor.
class OutputFile {
 public:
  static constexpr std::size_t kBufferSize = 256U << 10;  ///< the second-level cache holds it

  /// Errors: io, no_space, denied, not_found (the folder).
  [[nodiscard]] static Result<std::unique_ptr<OutputFile>> create(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Where the next byte goes, counted from the file's start.
  [[nodiscard]] std::uint64_t position() const noexcept { return written_ + fill_; }
  /// Bytes that reserve() can give without a write.
  [[nodiscard]] std::size_t room() const noexcept { return buffer_.size() - fill_; }

  Result<void> append(Bytes bytes);
  /// `count` bytes at the end of the file to be filled in by the caller, at most kBufferSize; valid until the
  /// next call. The span is empty after an error, which the next append() or publish() reports.
  [[nodiscard]] std::span<std::byte> reserve(std::size_t count);
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
  OutputFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor);
  Result<void> write_out(Bytes bytes);

  std::filesystem::path path_, temporary_;
  int descriptor_;
  bool published_ = false;
  int failed_ = 0;  // errno of the first failure
  std::uint64_t written_ = 0, started_writeback_ = 0;
  std::size_t fill_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace rtpx
