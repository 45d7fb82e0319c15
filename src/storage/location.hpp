#pragma once

#include <cstdint>
#include <filesystem>

namespace rtpx {

/// What lies at a path below a folder.
enum class Below : std::uint8_t {
  nothing,
  file,   ///< an ordinary file
  link,   ///< a symbolic link, or something behind one
  other,  ///< a folder, a pipe, a device; or the path leads out of the folder
};

/// Looks at `path` below `folder` component by component and follows no symbolic link (the folder itself may
/// be behind one). This and resolve_location() are the one way to files that a recording names.
[[nodiscard]] Below look_below(const std::filesystem::path& folder, const std::filesystem::path& path);

}  // namespace rtpx
