#pragma once

#include <filesystem>

#include "base/file_system.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// Writes one picture of the file's first video track as JPEG: the one with most to see among its first
/// keyframes (or, where those show nothing, its first seconds), turned as the file says, scaled to the
/// options. Appears under its name only when whole. Errors: invalid_argument (a side that is neither positive
/// nor -1), not_found, malformed (no video that decodes), unsupported, io, no_space.
[[nodiscard]] Result<void> write_thumbnail(const std::filesystem::path& video_file,
                                           const std::filesystem::path& jpeg, const Thumbnails& options,
                                           FileSystem& files = real_file_system());

}  // namespace rtpx
