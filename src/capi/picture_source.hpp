#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "codec/orientation.hpp"
#include "media/libav.hpp"
#include "rtpx/reader.hpp"
#include "rtpx/rtpx.h"

namespace rtpx::capi {

/// Decoded pictures, one after the other.
class PictureSource {
 public:
  struct Shown {
    const AVFrame* picture = nullptr;  ///< valid until the next call
    std::int64_t time_ns = 0;
    Orientation orientation;
  };

  virtual ~PictureSource() = default;
  /// nullopt: there is none, or none yet. What does not decode is passed over.
  [[nodiscard]] virtual Result<std::optional<Shown>> next() = 0;
  /// To the last keyframe at or before `time_ns`.
  [[nodiscard]] virtual Result<void> seek(std::int64_t time_ns) = 0;
};

/// What a recording's frames decode to.
[[nodiscard]] std::unique_ptr<PictureSource> decoded(FrameReader frames);

/// For C, which frees it. Throws std::bad_alloc.
[[nodiscard]] rtpx_pictures* make_pictures(std::unique_ptr<PictureSource> source);

}  // namespace rtpx::capi
