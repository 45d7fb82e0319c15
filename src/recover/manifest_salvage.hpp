#pragma once

#include <string_view>

#include "rtpx/manifest.hpp"

namespace rtpx {

/// The tracks of a broken manifest that can still be read: each `"id":{…}` whose braces match and that is a
/// track.
[[nodiscard]] Manifest salvage_manifest(std::string_view text);

}  // namespace rtpx
