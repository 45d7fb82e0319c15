#include "frames/switch_outline.hpp"

#include <algorithm>

namespace rtpx {

Result<std::optional<SwitchOutline::Target>> SwitchOutline::find(std::int64_t time_ns) {
  const std::lock_guard lock(mutex_);
  while (!ended_ && read_to_ns_ <= time_ns) {
    if (!walker_) {
      auto layers = open_();
      if (!layers) return std::unexpected(layers.error());
      std::vector<std::string> names(layers->size());
      walker_ = std::make_unique<LayerSwitch>(std::move(*layers), std::move(names), log_);
    }
    const auto frame = walker_->peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) {
      ended_ = true;
      walker_.reset();  // its files
      break;
    }
    const PlacedFrame& shown = **frame;
    read_to_ns_ = std::max(read_to_ns_, shown.time_ns);
    if (shown.frame.kind == FrameKind::key && !shown.frame.reference_lost)
      keyframes_.push_back({shown.time_ns, walker_->current()});
    walker_->pop();
  }
  const auto after = std::ranges::upper_bound(keyframes_, time_ns, {}, &Target::time_ns);
  if (after == keyframes_.begin()) return std::nullopt;
  return *std::prev(after);
}

}  // namespace rtpx
