#pragma once

#include <optional>

#include "rtp/keyframe_hint.hpp"

namespace rtpx {

struct PictureSize {
  int width = 0, height = 0;
  [[nodiscard]] std::int64_t area() const noexcept { return std::int64_t{width} * height; }
};

/// The size of the picture that begins in this payload, of which may_begin_keyframe() says yes: what its
/// header or parameter set tells. nullopt: it tells none. Of spatial layers the largest, of AV1 only.
[[nodiscard]] std::optional<PictureSize> keyframe_size(HintFormat format, Bytes payload);

}  // namespace rtpx
