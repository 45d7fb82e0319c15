#pragma once

#include "identity_arguments.hpp"
#include "program.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx::cli {

/// Inspects a recording, a folder or an s3:// URL, with progress on a terminal. `e2ee_keys`: a file; empty: none.
[[nodiscard]] Result<RecordingReport> inspect_with_progress(const std::string& recording,
                                                            const std::string& e2ee_keys,
                                                            const IdentityArguments& identities, bool allow_outside,
                                                            const Program& program);

/// Whether a track, or a part of one, cannot be converted or is missing: exit status 1.
[[nodiscard]] bool leaves_out(const RecordingReport& report);

}  // namespace rtpx::cli
