#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/bytes.hpp"
#include "require.hpp"

namespace rtpx::fuzz {

/// A file in memory with a path of its own.
class MemoryFile {
 public:
  explicit MemoryFile(Bytes content) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    require(fd_ >= 0 && ::write(fd_, content.data(), content.size()) == std::ssize(content));
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace rtpx::fuzz
