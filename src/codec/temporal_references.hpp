#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace rtpx {

/// What a VP8 or VP9 payload descriptor says of a frame's place among the others.
struct FramePlace {
  std::optional<std::uint16_t> picture_id;
  std::uint16_t picture_id_mask = 0x7F;        ///< 0x7F or 0x7FFF: where it wraps
  std::optional<std::uint8_t> tl0picidx;       ///< running number of the frames of temporal layer 0
  std::optional<std::uint8_t> temporal_layer;  ///< 0..7
  bool layer_sync = false;                     ///< VP8's Y: refers to temporal layer 0 only
  bool switching_up = false;   ///< VP9's U: later frames of higher layers look back no further
  bool non_reference = false;  ///< no other frame refers to it
};

/// Says of each frame whether a frame that it may refer to is missing, as exactly as the payload descriptor
/// tells: picture ids tell whether anything is missing, TL0PICIDX whether it was of layer 0, the rest whether
/// it matters.
class TemporalReferences {
 public:
  /// `packets` sequence numbers are missing before the next frame.
  void gap(std::int64_t packets) noexcept { missing_packets_ += packets; }
  /// Unknown many are missing: only a 15-bit picture id that goes on says otherwise.
  void restart() noexcept { gap(0x7FFF); }
  /// A frame that did not come out whole, described by whatever of it was received.
  void missing(const FramePlace& frame) noexcept;
  /// The next frame that is whole, in order. True: its reference is lost.
  [[nodiscard]] bool whole(const FramePlace& frame, bool keyframe) noexcept;

 private:
  void account_for_gap(const FramePlace& frame, bool whole) noexcept;

  std::int64_t missing_packets_ = 0;         // since the last whole frame
  std::optional<std::uint16_t> picture_id_;  // of the last frame heard of
  std::optional<std::uint8_t> tl0picidx_;
  std::array<bool, 8> damaged_{};  // the last frame of this temporal layer did not decode cleanly
};

}  // namespace rtpx
