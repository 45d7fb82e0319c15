#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "frames/frame_log.hpp"
#include "frames/frame_source.hpp"

namespace rtpx {

class SwitchOutline;

/// One picture track of several simulcast layers: at each moment the largest layer that is there. It changes
/// layer at keyframes only: up at once, down when the layer in use has had no picture for a second. Before it
/// starts on a layer or goes down to one it looks ahead, so that it waits for a better one that is about to
/// come. Of pictures of one instant it shows the largest.
class LayerSwitch final : public FrameSource {
 public:
  /// `layers` show the same pictures in different sizes. Changes are logged in `log`.
  LayerSwitch(std::vector<std::unique_ptr<FrameSource>> layers, std::vector<std::string> names,
              FrameLog& log);

  [[nodiscard]] Result<const PlacedFrame*> peek() override;
  void pop() override;
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns) override;
  /// What seek() goes by, shared by all who read the same layers with the same options. Without, seek() reads
  /// from the beginning.
  void share(std::shared_ptr<SwitchOutline> outline) { outline_ = std::move(outline); }
  /// Index of the layer that peek() answers a picture of.
  [[nodiscard]] std::size_t current() const noexcept { return static_cast<std::size_t>(current_); }

 private:
  struct Kept {
    PlacedFrame frame;
    std::vector<std::byte> data;
  };
  struct Layer {
    std::unique_ptr<FrameSource> source;
    std::string name;
    std::deque<Kept> ahead;  ///< read ahead of its time
    const PlacedFrame* next = nullptr;
    std::int64_t area = 0;  ///< of its latest picture
  };
  [[nodiscard]] Result<void> look_ahead();
  [[nodiscard]] Result<void> read_ahead(Layer& layer, std::int64_t until_ns);
  [[nodiscard]] Result<bool> better_comes(const PlacedFrame& frame, std::int64_t within_ns);
  [[nodiscard]] Result<bool> takes_over(std::size_t layer);
  [[nodiscard]] std::ptrdiff_t earliest() const;
  [[nodiscard]] std::ptrdiff_t better_of_same_instant(const Layer& layer) const;
  void choose(std::ptrdiff_t layer);
  void drop(Layer& layer);
  void forget();
  [[nodiscard]] Result<void> begin_anew();
  [[nodiscard]] Result<std::int64_t> go_to(std::size_t layer, std::int64_t keyframe_ns);
  [[nodiscard]] Result<std::int64_t> read_to(std::int64_t time_ns);

  std::vector<Layer> layers_;
  std::shared_ptr<SwitchOutline> outline_;
  FrameLog& log_;
  std::ptrdiff_t current_ = -1;  // the layer in use
  std::int64_t last_ns_ = INT64_MIN / 2;
  const PlacedFrame* chosen_ = nullptr;
  PlacedFrame changed_over_;  // first of a layer
};

}  // namespace rtpx
