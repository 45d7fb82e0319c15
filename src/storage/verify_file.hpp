#pragma once

#include <functional>

#include "rtpx/verify.hpp"
#include "storage/recording_layout.hpp"

namespace rtpx {

/// Compares one record file that is present with its blocks. `progress` is told of bytes read, and answers
/// false to stop. A file that the index says nothing of is judged by its records instead. Errors: io,
/// not_found, cancelled.
[[nodiscard]] Result<VerifiedFile> verify_file(const LayoutFile& file, bool ended,
                                               const std::function<bool(std::uint64_t bytes)>& progress);

}  // namespace rtpx
