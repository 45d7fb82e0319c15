#pragma once

#include <filesystem>
#include <vector>

#include "base/file_system.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

/// What recording.json says of how the recording in `folder` was received (docs/manifest-format.md):
/// datagrams that were dropped before the recorder, by reason, or that it cannot be read. Empty where there is nothing to say. Does I/O.
[[nodiscard]] std::vector<ConvertNote> reception_notes(FileSystem& files, const std::filesystem::path& folder);

}  // namespace rtpx
