#include "packets/index_key.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace rtpx {
namespace {

std::filesystem::path place_from(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? std::filesystem::path() : std::filesystem::path(value);
}

Unexpected<Error> no_key(Errc code, const std::filesystem::path& file, const std::string& why) {
  return fail(code, "the key of packet indexes, " + file.string() + ", " + why);
}

Unexpected<Error> key_failure(const std::filesystem::path& file) {
  const int code = errno;
  return no_key(code == EACCES || code == EPERM ? Errc::denied : Errc::io, file,
                std::string("cannot be made: ") + std::strerror(code));
}

bool write_key(int descriptor, const IndexKey& key) {
  return ::write(descriptor, key.data(), key.size()) == static_cast<ssize_t>(key.size()) && ::fsync(descriptor) == 0;
}

}  // namespace

std::filesystem::path index_key_file() {
  if (auto named = place_from("RTPX_INDEX_KEY"); !named.empty()) return named;
  if (auto state = place_from("XDG_STATE_HOME"); state.is_absolute()) return state / "rtpx/index.key";
  if (auto home = place_from("HOME"); home.is_absolute()) return home / ".local/state/rtpx/index.key";
  return {};
}

std::optional<IndexKey> read_index_key() {
  const std::filesystem::path file = index_key_file();
  const int descriptor = file.empty() ? -1 : ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return std::nullopt;
  IndexKey key;
  struct stat what {};
  const bool mine = ::fstat(descriptor, &what) == 0 && S_ISREG(what.st_mode) && what.st_uid == ::geteuid() &&
                    (what.st_mode & 077) == 0 && what.st_size == static_cast<off_t>(key.size());
  const bool got = mine && ::read(descriptor, key.data(), key.size()) == static_cast<ssize_t>(key.size());
  ::close(descriptor);
  return got ? std::optional(key) : std::nullopt;
}

Result<IndexKey> make_index_key() {
  if (const auto known = read_index_key()) return *known;
  const std::filesystem::path file = index_key_file();
  if (file.empty()) return fail(Errc::unsupported, "packet indexes need a key: name its file in RTPX_INDEX_KEY");
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  IndexKey key;
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) return key_failure(file);
  std::string name = file.string() + ".XXXXXX";
  const int descriptor = ::mkostemp(name.data(), O_CLOEXEC);  // mode 0600
  if (descriptor < 0) return key_failure(file);
  const bool written = write_key(descriptor, key);
  ::close(descriptor);
  // Of two who make it at once the first one's counts.
  const bool linked = written && (::link(name.c_str(), file.c_str()) == 0 || errno == EEXIST);
  const auto failed = linked ? Result<IndexKey>(key) : Result<IndexKey>(key_failure(file));
  ::unlink(name.c_str());
  if (!failed) return failed;
  if (const auto made = read_index_key()) return *made;
  return no_key(Errc::denied, file, "can be read or written by others, or is none: remove it");
}

}  // namespace rtpx
