#pragma once

#include <filesystem>
#include <string>

namespace rtpx::server {

/// A message as those may see it who are not the operator: without where this server keeps its recordings. What lies in
/// the base folder is told by its path from there.
[[nodiscard]] std::string shown(std::string message, const std::filesystem::path& base_dir);

}  // namespace rtpx::server
