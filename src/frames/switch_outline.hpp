#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "frames/layer_switch.hpp"

namespace rtpx {

/// Which layer of a simulcast track is shown when: that depends on all that came before, so it is found by
/// going through the layers once, only as far as somebody has asked. Memory: 16 bytes a keyframe. Any thread
/// may call any member.
class SwitchOutline {
 public:
  /// Opens all layers from their beginning, with logs that outlive the answer.
  using Open = std::function<Result<std::vector<std::unique_ptr<FrameSource>>>()>;
  explicit SwitchOutline(Open open) : open_(std::move(open)) {}

  struct Target {
    std::int64_t time_ns = 0;  ///< of a keyframe that is shown
    std::size_t layer = 0;     ///< its layer
  };
  /// The last keyframe shown at or before a time; nullopt: there is none. Errors: as LayerSwitch::peek().
  [[nodiscard]] Result<std::optional<Target>> find(std::int64_t time_ns);

 private:
  Open open_;
  std::mutex mutex_;
  FrameLog log_;
  std::unique_ptr<LayerSwitch> walker_;
  bool ended_ = false;
  std::int64_t read_to_ns_ = INT64_MIN;
  std::vector<Target> keyframes_;
};

}  // namespace rtpx
