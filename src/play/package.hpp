#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "play/presentation.hpp"

namespace rtpx {

/// What package() wrote.
struct Packaged {
  std::vector<std::filesystem::path> playlists, manifests;  ///< one of each for every program
  std::uint64_t files = 0, bytes = 0;
};

/// Writes playlists, manifests and all segments of `presentation` into `folder`, as files for any web server.
/// Each file is published whole; playlists come last. Errors: io, no_space, cancelled.
[[nodiscard]] Result<Packaged> package(Presentation& presentation, const std::filesystem::path& folder,
                                       const std::stop_token& stop);

}  // namespace rtpx
