#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "packets/placed_layer.hpp"
#include "packets/recording.hpp"
#include "packets/rtcp_log.hpp"
#include "packets/spill_file.hpp"
#include "packets/track_scan.hpp"

namespace rtpx {

/// A recording after the scan: what each track holds, and where each layer's media lie in time.
struct ScannedRecording {
  std::vector<TrackScan> tracks;
  std::vector<PlacedLayer> layers;  ///< of `tracks`, in their order; only those with media
  double zero_receive_ms = 0;       ///< receive time at the timeline's zero
  std::optional<UtcTime>
      started;                   ///< wall-clock time at the timeline's zero, where a track has a clock anchor
  std::int64_t duration_ns = 0;  ///< from the timeline's zero to the last media
};

/// Scans all tracks of a recording and places them on one timeline. `progress` is told 0..1.
/// Errors: cancelled; io and no_space of the spill file.
[[nodiscard]] Result<ScannedRecording> scan_recording(const Recording& recording, SpillFile& spill,
                                                      const std::stop_token& stop,
                                                      const std::function<void(double)>& progress);

/// Where the last media of a layer lie.
[[nodiscard]] std::int64_t end_of(const PlacedLayer& layer);
[[nodiscard]] std::int64_t start_of(const PlacedLayer& layer);

}  // namespace rtpx
