#include "ingest/capture/input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace rtpx::capture {
namespace {

constexpr std::size_t kReadBytes = 256U << 10;

}  // namespace

Result<Input> Input::open(const std::filesystem::path& file) {
  Input input;
  input.file_ = file;
  input.fd_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (input.fd_ < 0 || ::fstat(input.fd_, &status) != 0) {
    const int reason = errno;
    return fail(reason == ENOENT || reason == ENOTDIR ? Errc::not_found : Errc::io,
                "cannot open " + file.string() + ": " + std::generic_category().message(reason));
  }
  if (S_ISDIR(status.st_mode))
    return fail(Errc::malformed, file.string() + " is a folder, not a capture file");
  return input;
}

Input::Input(Input&& other) noexcept {
  *this = std::move(other);
}

Input& Input::operator=(Input&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(file_, other.file_);
  std::swap(memory_, other.memory_);
  std::swap(buffer_, other.buffer_);
  std::swap(buffer_offset_, other.buffer_offset_);
  std::swap(offset_, other.offset_);
  std::swap(ended_, other.ended_);
  std::swap(error_, other.error_);
  return *this;
}

Input::~Input() {
  if (fd_ >= 0) ::close(fd_);
}

/// Makes the buffer start at offset_ and hold `count` bytes, if the file has them. Pipes work too: only
/// read().
void Input::fill(std::size_t count) {
  const std::uint64_t used = std::min<std::uint64_t>(offset_ - buffer_offset_, buffer_.size());
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used));
  buffer_offset_ += used;
  while (!ended_ && (buffer_offset_ < offset_ || buffer_.size() < count)) {
    const std::size_t held = buffer_.size();
    buffer_.resize(held + kReadBytes);
    const ssize_t got = ::read(fd_, buffer_.data() + held, kReadBytes);
    buffer_.resize(held + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      error_ = Error{Errc::io, "cannot read " + file_.string() + " at byte " +
                                   std::to_string(buffer_offset_ + held) + ": " +
                                   std::generic_category().message(errno)};
    if (got <= 0) ended_ = true;
    if (buffer_offset_ < offset_) {  // skipped bytes are dropped as they come
      const std::uint64_t drop = std::min<std::uint64_t>(offset_ - buffer_offset_, buffer_.size());
      buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(drop));
      buffer_offset_ += drop;
    }
  }
  if (ended_ && offset_ > buffer_offset_) offset_ = buffer_offset_;  // skipped past the end
}

Bytes Input::peek(std::size_t count) {
  count = std::min(count, kMaxPeek);
  if (fd_ < 0) return memory_.subspan(offset_, std::min(count, memory_.size() - offset_));
  const std::size_t at = offset_ - buffer_offset_;
  if (offset_ > buffer_offset_ + buffer_.size() || buffer_.size() - at < count) fill(count);
  const std::size_t from = offset_ - buffer_offset_;
  return Bytes(buffer_).subspan(from, std::min(count, buffer_.size() - from));
}

void Input::skip(std::uint64_t count) {
  if (fd_ < 0) {
    offset_ += std::min<std::uint64_t>(count, memory_.size() - offset_);
    return;
  }
  offset_ = offset_ + count < offset_ ? UINT64_MAX : offset_ + count;
}

Bytes Input::take(std::size_t count) {
  const Bytes bytes = peek(count);
  skip(bytes.size());
  return bytes;
}

}  // namespace rtpx::capture
