#pragma once

#include <vector>

#include "packets/track_scan.hpp"
#include "timeline/timeline.hpp"

namespace rtpx {

/// A scanned layer with the place of its segments on the timeline.
struct PlacedLayer {
  const TrackScan* track = nullptr;
  const LayerScan* layer = nullptr;
  std::vector<SegmentMap> maps;   ///< one for each segment
  double zero_receive_ms = 0;     ///< receive time at the timeline's zero
  std::int64_t track_end_ns = 0;  ///< where the last media of all layers of the track lie
};

}  // namespace rtpx
