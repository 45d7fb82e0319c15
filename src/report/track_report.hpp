#pragma once

#include "frames/frame_log.hpp"
#include "frames/layer_frames.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx {

/// The report of one layer: what the scan found and what became of its frames.
[[nodiscard]] TrackReport report_layer(const PlacedLayer& placed, const FrameLog& log);
/// The report of a track none of whose packets can be used. `zero_receive_ms`: receive time at the timeline's
/// zero.
[[nodiscard]] TrackReport report_unusable(const TrackScan& track, double zero_receive_ms);

/// What a person should know of a layer, in plain language.
[[nodiscard]] std::vector<ConvertNote> notes_of(const TrackReport& report);
/// What a person should know of a track's file. `zero_receive_ms`: as above.
[[nodiscard]] std::vector<ConvertNote> notes_of(const TrackScan& track, double zero_receive_ms);

}  // namespace rtpx
