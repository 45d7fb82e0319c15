#pragma once

#include <string_view>
#include <vector>

#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Tracks to record as JSON, from other languages and other processes: an array of objects (or one object) of "id",
/// "kind" and, where wanted, "streams", "rids", "codecs" or "codec", and "header_extensions", in the manifest's form.
/// Other keys are left alone. Total. Errors: malformed, naming key and track.
[[nodiscard]] Result<std::vector<MediaStreamTrack>> parse_track_descriptions(std::string_view json);

}  // namespace rtpx
