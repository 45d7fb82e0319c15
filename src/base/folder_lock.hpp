#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "rtpx/result.hpp"

namespace rtpx {

/// One owner of a folder at a time: a lock (fcntl(2), F_OFD_SETLK) on the file `.rtpx-lock` in it, which says
/// who it is. The lock goes with the process, however that ends; the file stays, and means nothing by itself.
class FolderLock {
 public:
  /// `owner`: for a person who finds the folder taken, such as "rtpx serve". Errors: already_exists (naming
  /// the owner and its process), io, denied.
  [[nodiscard]] static Result<FolderLock> take(const std::filesystem::path& folder, const std::string& owner);

  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FolderLock& operator=(FolderLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FolderLock();

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// Who has the folder, as "rtpx serve (process 1234)"; nullopt: nobody, or there is no such folder.
[[nodiscard]] std::optional<std::string> folder_owner(const std::filesystem::path& folder);

}  // namespace rtpx
