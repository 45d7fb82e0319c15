#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "frames/frame_source.hpp"

namespace rtpx {

/// The frames of a source that are shown before a time. Pictures that are sent out of order come along where
/// ones before them need them.
class CutFrames final : public FrameSource {
 public:
  /// `source` must outlive the object. `trim_sound`: what the last frame of sound plays beyond `to_ns` is
  /// marked as not to be played.
  CutFrames(FrameSource& source, std::int64_t to_ns, bool trim_sound)
      : source_(source), to_ns_(to_ns), trim_sound_(trim_sound) {}

  [[nodiscard]] Result<const PlacedFrame*> peek() override;
  void pop() override;
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns) override;

 private:
  [[nodiscard]] Result<bool> more_behind();

  struct Kept {
    PlacedFrame frame;
    std::vector<std::byte> data;
  };
  FrameSource& source_;
  const std::int64_t to_ns_;
  const bool trim_sound_;
  std::deque<Kept> kept_;  // read ahead
  PlacedFrame trimmed_;
  bool ended_ = false;
};

}  // namespace rtpx
