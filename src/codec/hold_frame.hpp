#pragma once

#include <memory>
#include <string_view>

#include "base/bytes.hpp"

namespace rtpx {

/// Makes frames that show a stream's last picture once more, of those codecs that have such a thing: VP8 (all
/// macroblocks copied), VP9 and AV1 (show_existing_frame). The frames that follow decode as if none had been
/// put in. A few bytes each.
class HoldFrame {
 public:
  virtual ~HoldFrame() = default;
  /// Every frame of the stream, in order. What cannot be read is passed over.
  virtual void follow(Bytes frame) = 0;
  /// Shows the picture of the last frame followed or, where that is in no reference buffer, the latest one
  /// that is. Valid until the next call; empty: there is none that may be shown.
  [[nodiscard]] virtual Bytes frame() = 0;
};

/// nullptr: frames of this mime type cannot be held.
[[nodiscard]] std::unique_ptr<HoldFrame> make_hold_frame(std::string_view mime_type);

}  // namespace rtpx
