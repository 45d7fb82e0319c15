#include "frames/layer_switch.hpp"

#include <limits>

namespace rtpx {
namespace {

constexpr std::int64_t kMissingNs = 1'000'000'000;  // without a picture for so long, a layer is not there

}  // namespace

LayerSwitch::LayerSwitch(std::vector<std::unique_ptr<FrameSource>> layers, std::vector<std::string> names,
                         FrameLog& log)
    : log_(log) {
  for (std::size_t i = 0; i < layers.size(); ++i)
    layers_.push_back({std::move(layers[i]), i < names.size() ? std::move(names[i]) : std::string()});
}

Result<void> LayerSwitch::look_ahead() {
  for (Layer& layer : layers_) {
    if (layer.next != nullptr) continue;
    const auto next = layer.source->peek();
    if (!next) return std::unexpected(next.error());
    layer.next = *next;
    if (layer.next != nullptr && layer.next->config != nullptr)
      layer.area = std::int64_t{layer.next->config->width} * layer.next->config->height;
  }
  return {};
}

// Goes through the pictures of all layers in order of time, and stops at one that is to be shown.
Result<const PlacedFrame*> LayerSwitch::peek() {
  while (chosen_ == nullptr) {
    if (auto looked = look_ahead(); !looked) return std::unexpected(looked.error());
    std::ptrdiff_t first = -1;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].next == nullptr) continue;
      if (first < 0 || layers_[i].next->time_ns < layers_[static_cast<std::size_t>(first)].next->time_ns)
        first = static_cast<std::ptrdiff_t>(i);
    }
    if (first < 0) return nullptr;
    Layer& layer = layers_[static_cast<std::size_t>(first)];
    if (first != current_ && !takes_over(static_cast<std::size_t>(first))) {
      drop(layer);
      continue;
    }
    chosen_ = layer.next;
    if (first != current_ && current_ >= 0) {
      log_.changed(static_cast<double>(layer.next->time_ns) / 1e6, "layer",
                   layers_[static_cast<std::size_t>(current_)].name, layer.name);
      changed_over_ = *layer.next;
      changed_over_.after_loss = true;  // this layer's pictures until now are left out
      chosen_ = &changed_over_;
    }
    current_ = first;
  }
  return chosen_;
}

bool LayerSwitch::takes_over(std::size_t index) const {
  const Layer& layer = layers_[index];
  if (layer.next->frame.kind != FrameKind::key || layer.next->frame.reference_lost) return false;
  if (layer.next->time_ns <= last_ns_) return false;
  if (current_ < 0) return true;
  const Layer& used = layers_[static_cast<std::size_t>(current_)];
  if (used.next == nullptr || used.next->time_ns > last_ns_ + kMissingNs) return true;
  return layer.area > used.area;
}

void LayerSwitch::drop(Layer& layer) {
  layer.source->pop();
  layer.next = nullptr;
}

void LayerSwitch::pop() {
  last_ns_ = chosen_->time_ns;
  chosen_ = nullptr;
  drop(layers_[static_cast<std::size_t>(current_)]);
}

}  // namespace rtpx
