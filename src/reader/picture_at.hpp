#pragma once

#include <vector>

#include "reader/opened_recording.hpp"

namespace rtpx {

/// What is shown at `time_ns` of a picture track (its first picture, before it), turned upright and scaled, as JPEG. A
/// side of -1 keeps the aspect; both: the size that was sent. Errors: invalid_argument (no such track or layer, no
/// picture track, a size that cannot be), unsupported, io, nothing_to_convert (no picture decodes).
[[nodiscard]] Result<std::vector<std::byte>> picture_at(const OpenedRecording& recording, std::size_t track,
                                                        std::size_t layer, std::int64_t time_ns,
                                                        std::pair<int, int> size = {-1, -1});

}  // namespace rtpx
