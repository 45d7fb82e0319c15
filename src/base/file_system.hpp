#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// One open file. Errors of every member: io, no_space (ENOSPC, EDQUOT, EFBIG), denied, internal; the message
/// names the file. Not for use by two threads at once, sync() and sync_range() apart: they may run beside
/// write calls.
class File {
 public:
  virtual ~File() = default;  ///< closes; errors are lost, call close() to learn of them

  /// Appends the parts in order at the end of the file, as this object knows it: its size when opened, plus
  /// what was appended, or what truncate() left. One system call that may write less than all (then the rest
  /// fails or succeeds with the next call); answers how many bytes were written, at least 1 unless the parts
  /// are empty.
  [[nodiscard]] virtual Result<std::size_t> writev(std::span<const Bytes> parts) = 0;
  /// Overwrites all of `bytes` at `offset`.
  [[nodiscard]] virtual Result<void> pwrite(Bytes bytes, std::uint64_t offset) = 0;
  /// Fills `to` from `offset`; answers less than asked only at the end of the file.
  [[nodiscard]] virtual Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const = 0;

  /// fdatasync: content and size are on disk when it returns.
  [[nodiscard]] virtual Result<void> sync() = 0;

  enum class RangeSync : std::uint8_t {
    start,            ///< begin to write the range to disk, do not wait
    finish_and_drop,  ///< wait until the range is written, then drop it from the page cache
  };
  /// sync_file_range: keeps the amount of unwritten data, and so the length of the next sync(), small. No
  /// promise of durability. A file system that cannot do it answers success.
  [[nodiscard]] virtual Result<void> sync_range(std::uint64_t offset, std::uint64_t length,
                                                RangeSync how) = 0;

  /// Cuts (or extends with zeros) to `size`; the next writev() goes there.
  [[nodiscard]] virtual Result<void> truncate(std::uint64_t size) = 0;
  /// Takes disk space for `bytes` from the start without changing the size, where the file system can (else
  /// success).
  [[nodiscard]] virtual Result<void> reserve(std::uint64_t bytes) = 0;
  /// The same ahead of writing, for its own sake: where that makes writing cheaper (ext4, which else decides
  /// block by block). False when asking again is of no use. What is too much goes back with truncate().
  [[nodiscard]] virtual bool preallocate(std::uint64_t bytes) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
  /// Closes once; every later call fails with internal.
  [[nodiscard]] virtual Result<void> close() = 0;
};

enum class OpenMode : std::uint8_t {
  read,        ///< must exist and be an ordinary file
  read_write,  ///< must exist; writev() appends
  create_new,  ///< must not exist (already_exists); reading and writing
  append,      ///< created when missing; reading and writing; writev() appends
};

struct FileInfo {
  bool is_directory = false;
  std::uint64_t size = 0;
  std::string version = {};  ///< names the content of a service's object; empty: there is no such name
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

/// The operating system's files as the Recorder and the tools need them: an interface, so that tests can let
/// a disk fill up, fail, hang or forget. Any thread may call any member. Files are made with mode 0640,
/// folders with 0750, less the umask; descriptors are close-on-exec. Errors of every member: not_found,
/// already_exists, denied, no_space, too_many_files (naming the limit), io; the message names the path.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::filesystem::path& path,
                                                           OpenMode mode) = 0;
  /// already_exists when there is anything of that name.
  [[nodiscard]] virtual Result<void> create_directory(const std::filesystem::path& path) = 0;
  /// As mkdir -p: no error when it is there already.
  [[nodiscard]] virtual Result<void> create_directories(const std::filesystem::path& path) = 0;
  /// Atomic; replaces a file at `to`. Durable only after sync_directory() of the folder (of both, when they
  /// differ).
  [[nodiscard]] virtual Result<void> rename(const std::filesystem::path& from,
                                            const std::filesystem::path& to) = 0;
  /// A second name for a file; already_exists when `to` is there.
  [[nodiscard]] virtual Result<void> link(const std::filesystem::path& from,
                                          const std::filesystem::path& to) = 0;
  /// Removes a file or an empty folder.
  [[nodiscard]] virtual Result<void> remove(const std::filesystem::path& path) = 0;
  /// Makes the folder's names (created, renamed, removed) durable.
  [[nodiscard]] virtual Result<void> sync_directory(const std::filesystem::path& path) = 0;
  /// Names in byte order, without "." and "..".
  [[nodiscard]] virtual Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) = 0;
  /// nullopt when there is nothing of that name.
  [[nodiscard]] virtual Result<std::optional<FileInfo>> stat(const std::filesystem::path& path) = 0;
  /// What an unprivileged process may still write on the disk that holds `path`.
  [[nodiscard]] virtual Result<std::uint64_t> free_bytes(const std::filesystem::path& path) = 0;
};

/// The operating system's. Lives as long as the process.
[[nodiscard]] FileSystem& real_file_system();

/// Appends all the parts; `written` grows by what reached the file, also when an error is answered (a full
/// disk may take a part), so that the caller can cut the file back or go on later.
[[nodiscard]] Result<void> write_all(File& file, std::span<const Bytes> parts, std::uint64_t& written);
[[nodiscard]] Result<void> write_all(File& file, Bytes bytes);

/// Replaces `path` whole or not at all, also across a power loss: writes `.<name>.tmp` in the same folder,
/// syncs it, renames it, syncs the folder. On an error the old file stands and the temporary one is removed
/// where possible.
[[nodiscard]] Result<void> write_file_atomically(FileSystem& files, const std::filesystem::path& path,
                                                 Bytes bytes);

/// The whole content. Errors besides those of open: malformed when it is larger than `max_bytes`, or has a hole of
/// more than 1 MiB.
[[nodiscard]] Result<std::string> read_whole_file(FileSystem& files, const std::filesystem::path& path,
                                                  std::uint64_t max_bytes = 1U << 30);

/// The Error for a failed system call: `what` is a verb ("open"), `path` what it was about.
[[nodiscard]] Error os_error(const char* what, const std::filesystem::path& path, int error_number);

}  // namespace rtpx
