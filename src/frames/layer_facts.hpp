#pragma once

#include "frames/layer_frames.hpp"

namespace rtpx {

/// What only frames in clear tell of a layer.
struct LayerFacts {
  PictureSize largest;
  std::uint64_t keyframes = 0;
};

/// Whether the scan of the layer saw nothing but ciphertext where these stand.
[[nodiscard]] bool hides_its_facts(const PlacedLayer& placed) noexcept;

/// Reads all frames of the layer, with the keys in `options`. Errors: io.
[[nodiscard]] Result<LayerFacts> read_facts(const PlacedLayer& placed, const SpillFile& spill,
                                            const LayerFrameOptions& options);

}  // namespace rtpx
