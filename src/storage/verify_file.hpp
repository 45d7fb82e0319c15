#pragma once

#include <functional>

#include "rtpx/verify.hpp"
#include "storage/recording_layout.hpp"

namespace rtpx {

/// Compares one record file that is present with its blocks. `progress` is told of bytes read, and answers
/// false to stop. `on_range` is told of each range in order; VerifiedFile::ranges stays empty, so that a file of
/// very many ranges takes no memory for them. A file that the index says nothing of is judged by its records
/// instead. Errors: io, not_found, cancelled.
[[nodiscard]] Result<VerifiedFile> verify_file(const LayoutFile& file, bool ended,
                                               const std::function<bool(std::uint64_t bytes)>& progress,
                                               const std::function<void(VerifiedRange&&)>& on_range);

}  // namespace rtpx
