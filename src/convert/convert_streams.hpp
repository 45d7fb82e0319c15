#pragma once

#include <string>
#include <vector>

#include "rtpx/converter.hpp"

namespace rtpx {

/// As convert(), of these media streams only, by id; a track that belongs to none by its own id. None: all. Times are
/// those of the whole recording.
[[nodiscard]] Result<ConvertResult> convert_streams(const std::string& recording, const ConvertOptions& options,
                                                    std::vector<std::string> streams);

}  // namespace rtpx
