#include "codec/temporal_references.hpp"

#include <algorithm>

namespace rtpx {

void TemporalReferences::account_for_gap(const FramePlace& now, bool whole) noexcept {
  if (missing_packets_ == 0) return;
  // A counter that may have gone round once says nothing.
  if (now.picture_id && picture_id_ && missing_packets_ <= now.picture_id_mask) {
    // The frame's own number again: the rest of a frame that missing() has counted.
    const unsigned step = (*now.picture_id - *picture_id_) & now.picture_id_mask;
    if (step == 1 || (step == 0 && !whole)) return;
  }
  std::fill(damaged_.begin() + 1, damaged_.end(), true);
  if (now.tl0picidx && tl0picidx_ && now.temporal_layer && missing_packets_ <= 0xFF) {
    const auto step = static_cast<std::uint8_t>(*now.tl0picidx - *tl0picidx_);
    if (step == (*now.temporal_layer == 0 ? 1 : 0)) return;  // what is missing was of higher layers
  }
  damaged_[0] = true;
}

void TemporalReferences::missing(const FramePlace& now) noexcept {
  // Packets may be missing on either side of what was received: the gap stays noted.
  account_for_gap(now, false);
  picture_id_ = now.picture_id;
  tl0picidx_ = now.tl0picidx;
  if (!now.non_reference) damaged_[now.temporal_layer.value_or(0)] = true;
}

bool TemporalReferences::whole(const FramePlace& now, bool keyframe) noexcept {
  account_for_gap(now, true);
  missing_packets_ = 0;
  picture_id_ = now.picture_id;
  tl0picidx_ = now.tl0picidx;
  if (keyframe) {
    damaged_ = {};
    return false;
  }
  const std::size_t layer = now.temporal_layer.value_or(0);
  const auto own = damaged_.begin() + static_cast<std::ptrdiff_t>(layer) + 1;
  const bool lost = now.layer_sync ? damaged_[0] : std::find(damaged_.begin(), own, true) != own;
  if (!now.non_reference) damaged_[layer] = lost;
  if (now.switching_up) std::fill(own, damaged_.end(), lost);
  return lost;
}

}  // namespace rtpx
