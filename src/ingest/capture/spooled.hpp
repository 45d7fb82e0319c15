#pragma once

#include <filesystem>
#include <stop_token>
#include <utility>

#include "rtpx/result.hpp"

namespace rtpx::capture {

/// What came through a pipe, kept in a file without a name, since a capture is read twice.
class Spooled {
 public:
  /// Reads standard input to its end, into the file system that `beside` lies in. Errors: io, no_space,
  /// cancelled.
  [[nodiscard]] static Result<Spooled> standard_input(const std::filesystem::path& beside,
                                                      const std::stop_token& stop);

  Spooled(Spooled&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Spooled& operator=(Spooled&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Spooled();

  /// Opens it anew, from the start, as often as wanted.
  [[nodiscard]] std::filesystem::path path() const;

 private:
  explicit Spooled(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace rtpx::capture
