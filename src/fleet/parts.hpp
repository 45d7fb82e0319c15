#pragma once

#include <vector>

#include "fleet/job.hpp"

namespace rtpx::fleet {

/// The recordings that are one with that of `one`, its own not among them, by when they began. `others`: jobs, of which
/// those have a say that know of a recording's key and time. Parts of a key belong together that overlap, or follow within
/// a minute: a key may be used again the next day.
[[nodiscard]] std::vector<RecordingName> parts_beside(const Job& one, const std::vector<Job>& others);

}  // namespace rtpx::fleet
