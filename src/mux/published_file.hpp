#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/file_system.hpp"
#include "mux/byte_sink.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// A file that appears under its name only when it is whole: written under a temporary name in the same
/// folder, synced, renamed, and its folder synced. An PublishedFile destroyed before publish() leaves nothing
/// behind. One thread. After an error the object is good for nothing but its destructor;
/// every later call but that answers the first error again.
class PublishedFile final : public ByteSink {
 public:
  /// What is written at once, at a multiple of it in the file: the page cache takes that best.
  static constexpr std::size_t kBlock = 128U << 10;
  static constexpr std::size_t kBuffer = 2 * kBlock;  ///< the second-level cache holds it

  /// Errors: io, no_space, denied, not_found (the folder).
  [[nodiscard]] static Result<std::unique_ptr<PublishedFile>> create(const std::filesystem::path& path,
                                                                     FileSystem& files = real_file_system());
  ~PublishedFile() override;
  PublishedFile(const PublishedFile&) = delete;
  PublishedFile& operator=(const PublishedFile&) = delete;

  /// Where the next byte goes, counted from the file's start.
  [[nodiscard]] std::uint64_t position() const noexcept override { return position_; }
  /// Bytes that append() can take without a write.
  [[nodiscard]] std::size_t room() const noexcept { return kBuffer - (position_ - written_); }

  Result<void> append(Bytes bytes) override;
  /// Overwrites bytes that were appended before; cheap while they lie in the buffer.
  Result<void> patch(std::uint64_t offset, Bytes bytes) override;
  /// Puts bytes between those that were appended before: what lies behind is moved.
  Result<void> insert(std::uint64_t offset, Bytes bytes);
  /// Hands the buffer's whole blocks to the operating system, which makes room.
  Result<void> write_blocks();
  /// Hands all of the buffer to it.
  Result<void> flush();
  /// Durable under its final name.
  Result<void> publish();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] const std::filesystem::path& temporary_path() const noexcept { return temporary_; }

 private:
  PublishedFile(FileSystem& files, std::filesystem::path path, std::filesystem::path temporary,
                std::unique_ptr<File> file);
  Result<void> write_until(std::uint64_t end);
  void preallocate(std::uint64_t end);
  /// The buffer from `position` to the end of its block at most.
  [[nodiscard]] std::span<std::byte> place(std::uint64_t position, std::size_t bytes);
  Unexpected<Error> failure(Error error);

  FileSystem* files_;
  std::filesystem::path path_, temporary_;
  std::unique_ptr<File> file_;
  bool published_ = false;
  std::optional<Error> failed_;               // the first failure
  std::uint64_t written_ = 0, position_ = 0;  // the buffer holds what lies between
  std::uint64_t started_writeback_ = 0, preallocated_ = 0;
  bool preallocates_ = true;
  std::vector<std::byte> buffer_;  // a ring of two blocks
};

}  // namespace rtpx
