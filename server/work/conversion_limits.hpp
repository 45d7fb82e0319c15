#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "base/file_system.hpp"

namespace rtpx::server {

/// What a child process may take that works on a recording.
struct ConversionLimits {
  std::uint64_t file_bytes = 0;  ///< of one file that it writes
  std::chrono::seconds deadline{0};
};

/// By how much there is of the recording, and how long it says that it is.
[[nodiscard]] ConversionLimits conversion_limits(FileSystem& files, const std::filesystem::path& folder);

}  // namespace rtpx::server
