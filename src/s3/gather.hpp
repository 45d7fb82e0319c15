#pragma once

#include <filesystem>

#include "rtpx/manifest.hpp"

namespace rtpx::s3 {

/// Brings the files that a manifest names outside of its folder, or behind symbolic links, into it: as another name
/// of the same file, or as a copy. What lies outside stays as it is. Errors: io, no_space, denied; invalid_argument
/// for names that no object can have.
[[nodiscard]] Result<void> gather_outside(const Manifest& manifest, const std::filesystem::path& folder);

}  // namespace rtpx::s3
