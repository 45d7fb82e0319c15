#pragma once

#include "program.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx::cli {

/// Inspects a recording, a folder or an s3:// URL, with progress on a terminal.
[[nodiscard]] Result<RecordingReport> inspect_with_progress(const std::string& recording,
                                                            const Program& program);

}  // namespace rtpx::cli
