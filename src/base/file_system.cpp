#include "base/file_system.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/data_extents.hpp"
#include "base/decoded_file.hpp"

namespace rtpx {

namespace {

constexpr std::uint64_t kSmallFile = 1U << 20;  // is read into memory, holes or not

Errc code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return Errc::not_found;
    case EEXIST:
    case ENOTEMPTY:
      return Errc::already_exists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Errc::no_space;
    case EMFILE:
    case ENFILE:
      return Errc::too_many_files;
    case EACCES:
    case EPERM:
    case EROFS:
      return Errc::denied;
    case ENAMETOOLONG:
    case EINVAL:
      return Errc::invalid_argument;
    default:
      return Errc::io;
  }
}

std::string open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  return ": this process may have " + std::to_string(limit.rlim_cur) + " files open (ulimit -n)";
}

Unexpected<Error> failed(const char* what, const std::filesystem::path& path) {
  return Unexpected<Error>(os_error(what, path, errno));
}

/// Calls again while a signal interrupts.
template <typename Call>
auto retried(Call call) {
  for (;;) {
    const auto answer = call();
    if (answer != -1 || errno != EINTR) return answer;
  }
}

class RealFile final : public File {
 public:
  RealFile(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  RealFile(const RealFile&) = delete;
  RealFile& operator=(const RealFile&) = delete;
  ~RealFile() override {
    if (fd_ >= 0) ::close(fd_);
  }

  /// To be called once, before use.
  Result<void> find_end(bool must_be_regular) {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return failed("look at", path_);
    if (must_be_regular && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
      return fail(Errc::io, "Cannot open " + path_.string() + ": it is no ordinary file");
    if (S_ISDIR(info.st_mode)) return fail(Errc::io, "Cannot open " + path_.string() + ": it is a folder");
    end_ = static_cast<std::uint64_t>(info.st_size);
    return {};
  }

  Result<std::size_t> writev(std::span<const Bytes> parts) override {
    std::array<iovec, 64> io;
    std::size_t count = 0;
    for (const Bytes part : parts) {
      if (part.empty()) continue;
      if (count == io.size()) break;
      io[count++] = {const_cast<std::byte*>(part.data()), part.size()};
    }
    if (count == 0) return 0;
    const ssize_t written =
        retried([&] { return ::pwritev(fd_, io.data(), static_cast<int>(count), static_cast<off_t>(end_)); });
    if (written < 0) return failed("write", path_);
    if (written == 0) return fail(Errc::io, "Cannot write " + path_.string() + ": nothing was written");
    end_ += static_cast<std::uint64_t>(written);
    return static_cast<std::size_t>(written);
  }

  Result<void> pwrite(Bytes bytes, std::uint64_t offset) override {
    while (!bytes.empty()) {
      const ssize_t written =
          retried([&] { return ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (written < 0) return failed("write", path_);
      if (written == 0) return fail(Errc::io, "Cannot write " + path_.string() + ": nothing was written");
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
      end_ = std::max(end_, offset);
    }
    return {};
  }

  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override {
    std::size_t filled = 0;
    while (filled < to.size()) {
      const ssize_t got = retried([&] {
        return ::pread(fd_, to.data() + filled, to.size() - filled, static_cast<off_t>(offset + filled));
      });
      if (got < 0) return failed("read", path_);
      if (got == 0) break;
      filled += static_cast<std::size_t>(got);
    }
    return filled;
  }

  Result<void> sync() override {
    if (retried([&] { return ::fdatasync(fd_); }) != 0) return failed("sync", path_);
    return {};
  }

  Result<void> sync_range(std::uint64_t offset, std::uint64_t length, RangeSync how) override {
    const bool finish = how == RangeSync::finish_and_drop;
    unsigned flags = SYNC_FILE_RANGE_WRITE;
    if (finish) flags |= SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
    const auto from = static_cast<off_t>(offset), size = static_cast<off_t>(length);
    if (retried([&] { return ::sync_file_range(fd_, from, size, flags); }) != 0 && errno != ESPIPE &&
        errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
      return failed("write back", path_);
    if (finish) ::posix_fadvise(fd_, from, size, POSIX_FADV_DONTNEED);
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    if (retried([&] { return ::ftruncate(fd_, static_cast<off_t>(size)); }) != 0) return failed("cut", path_);
    end_ = size;
    return {};
  }

  Result<void> reserve(std::uint64_t bytes) override {
    if (retried([&] { return ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)); }) != 0 &&
        errno != EOPNOTSUPP && errno != ENOSYS)
      return failed("reserve space for", path_);
    return {};
  }

  bool preallocate(std::uint64_t bytes) override {
    struct statfs system {};
    return ::fstatfs(fd_, &system) == 0 && system.f_type == EXT4_SUPER_MAGIC && reserve(bytes).has_value();
  }

  Result<std::uint64_t> size() const override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return failed("look at", path_);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Result<void> close() override {
    const int fd = std::exchange(fd_, -1);
    if (fd < 0) return fail(Errc::internal, path_.string() + " was closed twice");
    // After EINTR the descriptor is gone on Linux: a second close could hit another thread's file.
    if (::close(fd) != 0 && errno != EINTR) return failed("close", path_);
    return {};
  }

 private:
  int fd_;
  std::filesystem::path path_;
  std::uint64_t end_ = 0;  // where writev() appends
};

class RealFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override {
    int flags = O_CLOEXEC | O_NOCTTY |
                (mode == OpenMode::read ? O_RDONLY | O_NONBLOCK : O_RDWR);  // a pipe must not hang
    if (mode == OpenMode::create_new) flags |= O_CREAT | O_EXCL;
    if (mode == OpenMode::append) flags |= O_CREAT;
    const int fd = retried([&] { return ::open(path.c_str(), flags, 0640); });
    if (fd < 0) return failed(mode == OpenMode::create_new ? "create" : "open", path);
    auto file = std::make_unique<RealFile>(fd, path);
    if (const auto done = file->find_end(mode == OpenMode::read); !done) return std::unexpected(done.error());
    return file;
  }

  Result<void> create_directory(const std::filesystem::path& path) override {
    if (::mkdir(path.c_str(), 0750) != 0) return failed("create folder", path);
    return {};
  }

  Result<void> create_directories(const std::filesystem::path& path) override {
    std::filesystem::path prefix;
    for (const auto& part : path) {
      prefix /= part;
      if (::mkdir(prefix.c_str(), 0750) == 0) continue;
      const int error_number = errno;
      struct stat info {};
      if (::stat(prefix.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
      return Unexpected<Error>(os_error("create folder", prefix, error_number));
    }
    return {};
  }

  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from);
    return {};
  }

  Result<void> link(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) return failed("link to", to);
    return {};
  }

  Result<void> remove(const std::filesystem::path& path) override {
    if (::remove(path.c_str()) != 0) return failed("remove", path);
    return {};
  }

  Result<void> sync_directory(const std::filesystem::path& path) override {
    const std::filesystem::path folder = path.empty() ? std::filesystem::path(".") : path;
    const int fd = retried([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return failed("open folder", folder);
    const int answer = retried([&] { return ::fsync(fd); });
    const int error_number = errno;
    ::close(fd);
    if (answer != 0 && error_number != EINVAL)  // EINVAL: a file system whose folders cannot be synced
      return Unexpected<Error>(os_error("sync folder", folder, error_number));
    return {};
  }

  Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) override {
    std::error_code error;
    std::filesystem::directory_iterator at(path.empty() ? "." : path, error);
    std::vector<DirectoryEntry> entries;
    for (const std::filesystem::directory_iterator end; !error && at != end; at.increment(error)) {
      std::error_code ignored;
      entries.push_back({at->path().filename().string(), at->is_directory(ignored)});
    }
    if (error) return Unexpected<Error>(os_error("list", path, error.value()));
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
  }

  Result<std::optional<FileInfo>> stat(const std::filesystem::path& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      return failed("look at", path);
    }
    return FileInfo{S_ISDIR(info.st_mode), static_cast<std::uint64_t>(info.st_size)};
  }

  Result<std::uint64_t> free_bytes(const std::filesystem::path& path) override {
    struct statvfs info {};
    if (::statvfs(path.empty() ? "." : path.c_str(), &info) != 0) return failed("look at the disk of", path);
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  }
};

}  // namespace

Error os_error(const char* what, const std::filesystem::path& path, int error_number) {
  const Errc code = code_of(error_number);
  std::string message = std::string("Cannot ") + what + " " + path.string() + ": " +
                        std::error_code(error_number, std::generic_category()).message();
  if (error_number == EMFILE) message += open_files_limit();
  if (error_number == ENFILE) message += ": the whole system's limit (sysctl fs.file-max)";
  return {code, std::move(message)};
}

FileSystem& real_file_system() {
  static RealFileSystem file_system;
  return file_system;
}

Result<void> write_all(File& file, std::span<const Bytes> parts, std::uint64_t& written) {
  std::vector<Bytes> left(parts.begin(), parts.end());
  std::size_t first = 0;
  for (;;) {
    while (first < left.size() && left[first].empty()) ++first;
    if (first == left.size()) return {};
    const auto count = file.writev(std::span(left).subspan(first));
    if (!count) return std::unexpected(count.error());
    written += *count;
    for (std::size_t taken = *count; taken > 0;) {
      const std::size_t part = std::min(taken, left[first].size());
      left[first] = left[first].subspan(part);
      taken -= part;
      if (left[first].empty()) ++first;
    }
  }
}

Result<void> write_all(File& file, Bytes bytes) {
  std::uint64_t written = 0;
  return write_all(file, std::span(&bytes, 1), written);
}

Result<void> write_file_atomically(FileSystem& files, const std::filesystem::path& path, Bytes bytes) {
  const std::filesystem::path temporary = path.parent_path() / ("." + path.filename().string() + ".tmp");
  const auto write_temporary = [&]() -> Result<void> {
    (void)files.remove(temporary);  // left behind by a crash, or a link that a stranger put there
    auto file = files.open(temporary, OpenMode::create_new);
    if (!file) return std::unexpected(file.error());
    if (const auto done = write_all(**file, bytes); !done) return done;
    if (const auto done = complete(**file); !done) return done;
    if (const auto done = (*file)->sync(); !done) return done;
    return (*file)->close();
  };
  auto done = write_temporary();
  if (done) done = files.rename(temporary, path);
  if (!done) {
    (void)files.remove(temporary);
    return done;
  }
  return files.sync_directory(path.parent_path());
}

Result<std::string> read_whole_file(FileSystem& files, const std::filesystem::path& path,
                                    std::uint64_t max_bytes) {
  const auto file = files.open(path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  if (*size > max_bytes)
    return fail(Errc::malformed, path.string() + " is larger (" + std::to_string(*size) +
                                     " bytes) than such a file can be (" + std::to_string(max_bytes) +
                                     " bytes)");
  if (*size > kSmallFile && as_stored(**file) && DataExtents(path).has_hole(0, *size, kSmallFile))
    return fail(Errc::malformed, path.string() + " has a hole: nothing was ever written there");
  std::string content(static_cast<std::size_t>(*size), '\0');
  const auto got = (*file)->pread(std::as_writable_bytes(std::span(content)), 0);
  if (!got) return std::unexpected(got.error());
  content.resize(*got);
  return content;
}

}  // namespace rtpx
