#pragma once

#include <optional>
#include <string>
#include <vector>

#include "convert/layer_frames.hpp"
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

/// A layer's rid; nullopt without simulcast. An index that the manifest does not name answers "#<index>".
[[nodiscard]] std::optional<std::string> rid_of(const TrackScan& track, std::uint8_t rid_index);

}  // namespace rtpx
