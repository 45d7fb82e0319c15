#include "frames/layer_facts.hpp"

namespace rtpx {

bool hides_its_facts(const PlacedLayer& placed) noexcept {
  return placed.track->files.track.kind == MediaKind::video && !placed.layer->encrypted.empty() &&
         placed.layer->largest.area() == 0;
}

Result<LayerFacts> read_facts(const PlacedLayer& placed, const SpillFile& spill,
                              const LayerFrameOptions& options) {
  FrameLog unread;
  auto frames = LayerFrames::open(placed, spill, options, unread);
  if (!frames) return std::unexpected(frames.error());
  LayerFacts facts;
  while (true) {
    const auto frame = (*frames)->peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) return facts;
    const PictureSize size{(*frame)->config->width, (*frame)->config->height};
    if (size.area() > facts.largest.area()) facts.largest = size;
    if ((*frame)->frame.kind == FrameKind::key) ++facts.keyframes;
    (*frames)->pop();
  }
}

}  // namespace rtpx
