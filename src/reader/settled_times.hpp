#pragma once

#include "packets/scanned_recording.hpp"

namespace rtpx {

/// A recording that is still being written was scanned again, with more of it there: what is known of its clocks now
/// may place it otherwise. Keeps all times up to `settled_ns` as they were in `before`, and leads over from there to
/// what is known now, by the rate of time, without a step.
void keep_settled_times(ScannedRecording& now, const ScannedRecording& before, std::int64_t settled_ns);

}  // namespace rtpx
