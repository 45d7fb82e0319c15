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

/// Which layers go into which files. `streams`: of these media streams only, by id, a track of none by its own; empty: all.
[[nodiscard]] std::vector<PlannedOutput> plan_outputs(const std::vector<PlacedLayer>& layers,
                                                      const ConvertOptions& options,
                                                      const std::vector<std::string>& streams);

/// What was asked for by rid or stream and is in none of the layers, a sentence each.
[[nodiscard]] std::vector<std::string> not_there(const std::vector<PlacedLayer>& layers, const ConvertOptions& options,
                                                 const std::vector<std::string>& streams);

}  // namespace rtpx
