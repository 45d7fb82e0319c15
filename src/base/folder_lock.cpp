#include "base/folder_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace rtpx {
namespace {

constexpr const char* kLockFile = ".rtpx-lock";

std::string text_of(int fd) {
  char text[200];
  const ssize_t got = ::pread(fd, text, sizeof text, 0);
  std::string owner(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  return owner.empty() ? "another process" : owner;
}

struct flock whole_file() {
  struct flock out {};
  out.l_type = F_WRLCK;
  out.l_whence = SEEK_SET;
  return out;
}

}  // namespace

Result<FolderLock> FolderLock::take(const std::filesystem::path& folder, const std::string& owner) {
  const std::filesystem::path path = folder / kLockFile;
  FolderLock out(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (out.fd_ < 0) {
    const Errc code = errno == EACCES || errno == EROFS ? Errc::denied : Errc::io;
    return fail(code, "Cannot open " + path.string() + ": " + std::strerror(errno) + ".");
  }
  struct flock lock = whole_file();
  if (::fcntl(out.fd_, F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES)
      return fail(Errc::io, "Cannot lock " + path.string() + ": " + std::strerror(errno) + ".");
    return fail(Errc::already_exists, folder.string() + " belongs to " + text_of(out.fd_) +
                                          ". Stop that first, or choose another folder.");
  }
  const std::string text = owner + " (process " + std::to_string(::getpid()) + ")";
  if (::ftruncate(out.fd_, 0) != 0 || ::pwrite(out.fd_, text.data(), text.size(), 0) < 0)
    return fail(Errc::io, "Cannot write " + path.string() + ": " + std::strerror(errno) + ".");
  return out;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<std::string> folder_owner(const std::filesystem::path& folder) {
  const int fd = ::open((folder / kLockFile).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return std::nullopt;
  std::optional<std::string> out;
  struct flock lock = whole_file();
  if (::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) out = text_of(fd);
  ::close(fd);
  return out;
}

}  // namespace rtpx
