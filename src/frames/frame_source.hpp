#pragma once

#include <cstdint>
#include <optional>

#include "codec/depacketizer.hpp"
#include "codec/orientation.hpp"
#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// A frame at its place on the recording's timeline.
struct PlacedFrame {
  Frame frame;                           ///< its data lives until pop()
  std::int64_t time_ns = 0;              ///< since the timeline's zero
  std::int64_t duration_ns = 0;          ///< 0: unknown
  const Codec* codec = nullptr;          ///< lives as long as the scan
  const StreamConfig* config = nullptr;  ///< lives until the pop() after the next one at least
  Orientation orientation;
  std::int64_t discard_ns = 0;      ///< audio: so much of its end is not to be played
  std::int64_t codec_delay_ns = 0;  ///< audio that was encoded here; 0: as its configuration says
  bool after_loss = false;          ///< pictures that were sent are missing between the one before and this
  bool filler = false;              ///< not from the recording: stands where something is missing
};

/// Frames of one output track in the order they are written.
class FrameSource {
 public:
  virtual ~FrameSource() = default;
  /// The next frame, nullptr at the end; it stays until pop(). Errors: io of what cannot be passed over.
  [[nodiscard]] virtual Result<const PlacedFrame*> peek() = 0;
  virtual void pop() = 0;
  /// Goes to where decoding can begin for what is shown at `time_ns`: after it, peek() is the last keyframe that is
  /// whole and lies at or before that time (pictures), or the frame that covers it (sound); where there is none, the
  /// first frame. From there on come the same frames as when read from the beginning. Answers that frame's time; at
  /// the end of the source, the time asked for. Forth and back, any number of times. Errors: as peek().
  [[nodiscard]] virtual Result<std::int64_t> seek(std::int64_t time_ns) = 0;
};

}  // namespace rtpx
