#pragma once

#include <string_view>

#include "base/bytes.hpp"

namespace rtpx {

/// The video payload formats whose keyframes a look at one payload can show.
enum class HintFormat : std::uint8_t { none, vp8, vp9, av1, h264, h265 };
[[nodiscard]] HintFormat hint_format(std::string_view mime_type) noexcept;

/// Whether a keyframe may begin in this payload. May say yes too often, never too seldom: it bounds the
/// number of cue points, nothing else.
[[nodiscard]] bool may_begin_keyframe(HintFormat format, Bytes payload) noexcept;

/// False where the payload shows that a frame (a picture, or a layer of one) began in an earlier packet. True
/// where it does not tell.
[[nodiscard]] bool may_begin_frame(HintFormat format, Bytes payload) noexcept;

}  // namespace rtpx
