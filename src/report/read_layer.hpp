#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "frames/layer_frames.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx {

/// A layer that was read to its end.
struct LayerReading {
  TrackReport report;
  std::vector<ConvertNote> notes;  ///< what a person should know of it
};

/// Reads all frames of a layer, for their counts; `each` is shown every one. A layer that no depacketizer can read is
/// a report that says why. Errors: io, cancelled.
[[nodiscard]] Result<LayerReading> read_layer(const PlacedLayer& layer, const SpillFile& spill,
                                              const LayerFrameOptions& options, const std::stop_token& stop,
                                              const std::function<void(const PlacedFrame&)>& each = {});

}  // namespace rtpx
