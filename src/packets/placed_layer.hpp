#pragma once

#include <vector>

#include "packets/track_scan.hpp"
#include "timeline/timeline.hpp"

namespace rtpx {

/// A scanned layer with the place of its segments on the timeline.
struct PlacedLayer {
  const TrackScan* track = nullptr;
  const LayerScan* layer = nullptr;
  std::vector<SegmentMap> maps;  ///< one for each segment
};

}  // namespace rtpx
