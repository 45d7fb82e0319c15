#pragma once

#include <filesystem>
#include <string>

namespace rtpx::server {

/// What anything made of a recording depends on: names, sizes and times of its own files, without
/// recording.json, which tells of conversions, and the packet index, which is a cache. Empty when the folder cannot be read.
[[nodiscard]] std::string folder_state(const std::filesystem::path& folder);

}  // namespace rtpx::server
