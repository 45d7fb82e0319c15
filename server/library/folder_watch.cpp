#include "server/library/folder_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstring>

namespace rtpx::server {

FolderWatch::FolderWatch(const std::filesystem::path& folder) : inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  constexpr std::uint32_t kComeAndGone = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
  if (inotify_ < 0 || ::inotify_add_watch(inotify_, folder.c_str(), kComeAndGone) >= 0) return;
  ::close(inotify_);
  inotify_ = -1;
}

FolderWatch::~FolderWatch() {
  if (inotify_ >= 0) ::close(inotify_);
}

bool FolderWatch::news(const std::function<void(const std::string&)>& seen) const {
  bool all = true;
  if (inotify_ < 0) return all;
  alignas(inotify_event) char buffer[16U << 10];
  for (ssize_t got; (got = ::read(inotify_, buffer, sizeof buffer)) > 0;)
    for (ssize_t at = 0; at < got;) {
      inotify_event event{};
      std::memcpy(&event, buffer + at, sizeof event);
      if ((event.mask & IN_Q_OVERFLOW) != 0) all = false;
      const std::string name = event.len > 0 ? buffer + at + sizeof event : "";
      if ((event.mask & IN_ISDIR) != 0 && !name.empty() && name.front() != '.') seen(name);
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  return all;
}

}  // namespace rtpx::server
