#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "rtpx/result.hpp"

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

/// Whether what a recording names may lie outside of its folder, or behind symbolic links. The person who gives the
/// recording to a command decides (`--allow-outside`), never the recording.
enum class Outside : bool { refused, allowed };

/// As resolve_location() of manifest.hpp. Where it is allowed, also what lies elsewhere or behind links, once
/// nothing inside has that name: ordinary files only.
[[nodiscard]] Result<std::filesystem::path> resolve_location(std::string_view location,
                                                             const std::filesystem::path& manifest_folder,
                                                             Outside outside);

}  // namespace rtpx
