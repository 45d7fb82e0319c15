#include "ingest/capture/spooled.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

namespace rtpx::capture {
namespace {

constexpr std::size_t kBuffer = 256U << 10;

Unexpected<Error> failure(const char* doing) {
  const int reason = errno;
  return fail(reason == ENOSPC || reason == EDQUOT ? Errc::no_space : Errc::io,
              std::string("cannot ") + doing + " standard input: " + std::generic_category().message(reason));
}

bool write_all(int to, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(to, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace

Result<Spooled> Spooled::standard_input(const std::filesystem::path& beside, const std::stop_token& stop) {
  auto folder = std::filesystem::absolute(beside).parent_path();
  std::error_code failed;
  while (!std::filesystem::is_directory(folder, failed) && folder.has_relative_path())
    folder = folder.parent_path();
  Spooled out(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (out.descriptor_ < 0) return failure("keep");
  std::vector<char> buffer(kBuffer);
  while (true) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "the import was interrupted; nothing was kept");
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure("read");
    if (got == 0) return out;
    if (!write_all(out.descriptor_, buffer.data(), static_cast<std::size_t>(got))) return failure("keep");
  }
}

Spooled::~Spooled() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::filesystem::path Spooled::path() const {
  return "/proc/self/fd/" + std::to_string(descriptor_);
}

}  // namespace rtpx::capture
