#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace rtpx::server {

/// Tells which folders have come into a folder, or gone from it, since it was asked last (inotify). Asking
/// costs one system call where there is no news. Calls by one thread at a time.
class FolderWatch {
 public:
  explicit FolderWatch(const std::filesystem::path& folder);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  /// False: the kernel gave no watch, and nothing is ever told.
  [[nodiscard]] bool works() const { return inotify_ >= 0; }
  /// Calls `seen` with each name. False: there was more than is remembered.
  [[nodiscard]] bool news(const std::function<void(const std::string& name)>& seen) const;

 private:
  int inotify_ = -1;
};

}  // namespace rtpx::server
