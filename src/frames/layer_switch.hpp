#pragma once

#include <memory>
#include <vector>

#include "frames/frame_log.hpp"
#include "frames/frame_source.hpp"

namespace rtpx {

/// One picture track of several simulcast layers: at each moment the largest layer that is there. It changes
/// layer at keyframes only: up at once, down when the layer in use has had no picture for a second.
class LayerSwitch final : public FrameSource {
 public:
  /// `layers` show the same pictures in different sizes. Changes are logged in `log`.
  LayerSwitch(std::vector<std::unique_ptr<FrameSource>> layers, std::vector<std::string> names,
              FrameLog& log);

  [[nodiscard]] Result<const PlacedFrame*> peek() override;
  void pop() override;

 private:
  struct Layer {
    std::unique_ptr<FrameSource> source;
    std::string name;
    const PlacedFrame* next = nullptr;
    std::int64_t area = 0;  ///< of its latest picture
  };
  [[nodiscard]] Result<void> look_ahead();
  [[nodiscard]] bool takes_over(std::size_t layer) const;
  void drop(Layer& layer);

  std::vector<Layer> layers_;
  FrameLog& log_;
  std::ptrdiff_t current_ = -1;  // the layer in use
  std::int64_t last_ns_ = INT64_MIN / 2;
  const PlacedFrame* chosen_ = nullptr;
  PlacedFrame changed_over_;  // first of a layer
};

}  // namespace rtpx
