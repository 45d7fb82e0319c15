#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frames/layer_frames.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

/// A track of an output: one layer, or several of which the best is taken at each moment.
struct PlannedTrack {
  std::vector<const PlacedLayer*> layers;  ///< more than one: simulcast layers to splice
  std::string name;                        ///< for players; empty: none
};

/// One file to write.
struct PlannedOutput {
  std::string id, stem;
  std::optional<std::string> stream;
  std::vector<PlannedTrack> tracks;  ///< video first
};

/// Which layers go into which files.
[[nodiscard]] std::vector<PlannedOutput> plan_outputs(const std::vector<PlacedLayer>& layers,
                                                      const ConvertOptions& options);

}  // namespace rtpx
