#include "mux/output_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

namespace rtpx {
namespace {

constexpr std::uint64_t kWritebackStep = 8U << 20;  // keeps the final fdatasync short

Error os_error(const char* what, const std::filesystem::path& path, int error) {
  Errc code = Errc::io;
  if (error == ENOSPC || error == EDQUOT) code = Errc::no_space;
  if (error == EMFILE || error == ENFILE) code = Errc::too_many_files;
  if (error == ENOENT || error == ENOTDIR) code = Errc::not_found;
  if (error == EACCES || error == EPERM || error == EROFS) code = Errc::denied;
  return {code, std::string("cannot ") + what + " " + path.string() + ": " + std::strerror(error)};
}

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  // The final name may be as long as a name can be (255 bytes): keep only what fits of it.
  const std::string tail = "." + std::to_string(::getpid()) + "-" + std::to_string(++counter) + ".part";
  const std::string name = path.filename().string().substr(0, 200);
  return path.parent_path() / ("." + name + tail);
}

Result<void> sync_folder(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return std::unexpected(os_error("open the folder", folder, errno));
  const int failed = ::fsync(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  if (failed != 0 && failed != EINVAL) return std::unexpected(os_error("sync the folder", folder, failed));
  return {};
}

}  // namespace

Result<std::unique_ptr<OutputFile>> OutputFile::create(const std::filesystem::path& path) {
  for (int attempt = 0;; ++attempt) {
    std::filesystem::path temporary = temporary_beside(path);
    const int descriptor = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) return std::unique_ptr<OutputFile>(new OutputFile(path, temporary, descriptor));
    // A process of our number may have died here and left its file.
    if (errno != EEXIST || attempt == 100) return std::unexpected(os_error("create", path, errno));
  }
}

OutputFile::OutputFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      descriptor_(descriptor),
      buffer_(kBufferSize) {}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!published_) ::unlink(temporary_.c_str());
}

Result<void> OutputFile::write_out(Bytes bytes) {
  while (failed_ == 0 && !bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      failed_ = errno;
      break;
    }
    written_ += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  if (failed_ != 0) return std::unexpected(os_error("write", path_, failed_));
  if (written_ - started_writeback_ >= kWritebackStep) {
    (void)::sync_file_range(descriptor_, static_cast<off_t>(started_writeback_),
                            static_cast<off_t>(written_ - started_writeback_), SYNC_FILE_RANGE_WRITE);
    started_writeback_ = written_;
  }
  return {};
}

Result<void> OutputFile::flush() {
  const Bytes pending(buffer_.data(), fill_);
  fill_ = 0;
  return write_out(pending);
}

Result<void> OutputFile::append(Bytes bytes) {
  if (bytes.size() > room()) {
    if (auto flushed = flush(); !flushed) return flushed;
    if (bytes.size() >= buffer_.size()) return write_out(bytes);
  }
  std::memcpy(buffer_.data() + fill_, bytes.data(), bytes.size());
  fill_ += bytes.size();
  return {};
}

std::span<std::byte> OutputFile::reserve(std::size_t count) {
  if (count > room() && (!flush() || count > buffer_.size())) return {};
  const std::span<std::byte> reserved = std::span(buffer_).subspan(fill_, count);
  fill_ += count;
  return reserved;
}

Result<void> OutputFile::patch(std::uint64_t offset, Bytes bytes) {
  if (offset < written_ && offset + bytes.size() > written_) {  // lies across the buffer's start
    if (auto flushed = flush(); !flushed) return flushed;
  }
  if (offset >= written_) {
    std::memcpy(buffer_.data() + (offset - written_), bytes.data(), bytes.size());
    return {};
  }
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(os_error("write", path_, failed_ = errno));
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<std::size_t> OutputFile::read_back(std::uint64_t offset, std::span<std::byte> into) {
  if (auto flushed = flush(); !flushed) return std::unexpected(flushed.error());
  for (;;) {
    const ssize_t count = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return std::unexpected(os_error("read back", path_, errno));
  }
}

Result<void> OutputFile::publish() {
  if (failed_ != 0) return std::unexpected(os_error("write", path_, failed_));
  if (auto flushed = flush(); !flushed) return flushed;
  if (::fdatasync(descriptor_) != 0) return std::unexpected(os_error("sync", path_, errno));
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) return std::unexpected(os_error("close", path_, errno));
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    return std::unexpected(os_error("give its name to", path_, errno));
  published_ = true;
  return sync_folder(path_);
}

}  // namespace rtpx
