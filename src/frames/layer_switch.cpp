#include "frames/layer_switch.hpp"

#include <algorithm>
#include <utility>

#include "frames/switch_outline.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kMissingNs = 1'000'000'000;  // without a picture for so long, a layer is not there
constexpr std::int64_t kStartWaitNs = 1'000'000'000;
constexpr std::int64_t kDownWaitNs = 500'000'000;
constexpr std::int64_t kUpWaitNs = 200'000'000;
constexpr std::int64_t kMostApartNs =
    20'000'000;  // of pictures of one instant, whose layers' clocks are placed apart
constexpr std::int64_t kLeastApartNs = 1'000'000;

bool can_start(const PlacedFrame& frame) {
  return frame.frame.kind == FrameKind::key && !frame.frame.reference_lost;
}

std::int64_t area_of(const PlacedFrame& frame) {
  return frame.config == nullptr ? 0 : std::int64_t{frame.config->width} * frame.config->height;
}

}  // namespace

LayerSwitch::LayerSwitch(std::vector<std::unique_ptr<FrameSource>> layers, std::vector<std::string> names,
                         FrameLog& log)
    : log_(log) {
  for (std::size_t i = 0; i < layers.size(); ++i)
    layers_.push_back({std::move(layers[i]), i < names.size() ? std::move(names[i]) : std::string(), {}});
}

Result<void> LayerSwitch::look_ahead() {
  for (Layer& layer : layers_) {
    if (layer.next != nullptr) continue;
    if (!layer.ahead.empty()) {
      layer.next = &layer.ahead.front().frame;
    } else {
      const auto next = layer.source->peek();
      if (!next) return std::unexpected(next.error());
      layer.next = *next;
    }
    if (layer.next != nullptr) layer.area = area_of(*layer.next);
  }
  return {};
}

// Keeps what the layer has until then.
Result<void> LayerSwitch::read_ahead(Layer& layer, std::int64_t until_ns) {
  while (layer.ahead.empty() || layer.ahead.back().frame.time_ns < until_ns) {
    const auto next = layer.source->peek();
    if (!next) return std::unexpected(next.error());
    if (*next == nullptr) break;
    Kept& kept = layer.ahead.emplace_back(**next, std::vector<std::byte>());
    kept.data.assign(kept.frame.frame.data.begin(), kept.frame.frame.data.end());
    kept.frame.frame.data = kept.data;
    kept.frame.frame.owner = &kept.data;
    layer.source->pop();
  }
  if (!layer.ahead.empty()) layer.next = &layer.ahead.front().frame;
  return {};
}

// Whether a larger layer can be shown soon after `frame`.
Result<bool> LayerSwitch::better_comes(const PlacedFrame& frame, std::int64_t within_ns) {
  const std::int64_t now_ns = frame.time_ns, area = area_of(frame);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    if (layer.next == nullptr || layer.next == &frame) continue;
    if (auto read = read_ahead(layer, now_ns + within_ns); !read) return std::unexpected(read.error());
    const bool in_use = static_cast<std::ptrdiff_t>(i) == current_;
    for (const Kept& kept : layer.ahead) {
      if (kept.frame.time_ns > now_ns + within_ns) break;
      if (area_of(kept.frame) > area && (in_use || can_start(kept.frame))) return true;
    }
  }
  return false;
}

std::ptrdiff_t LayerSwitch::earliest() const {
  std::ptrdiff_t first = -1;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i].next == nullptr) continue;
    if (first < 0 || layers_[i].next->time_ns < layers_[static_cast<std::size_t>(first)].next->time_ns)
      first = static_cast<std::ptrdiff_t>(i);
  }
  return first;
}

// Goes through the pictures of all layers in order of time, and stops at one that is to be shown.
Result<const PlacedFrame*> LayerSwitch::peek() {
  while (chosen_ == nullptr) {
    if (auto looked = look_ahead(); !looked) return std::unexpected(looked.error());
    const std::ptrdiff_t first = earliest();
    if (first < 0) return nullptr;
    Layer& layer = layers_[static_cast<std::size_t>(first)];
    if (first != current_) {
      const auto takes = takes_over(static_cast<std::size_t>(first));
      if (!takes) return std::unexpected(takes.error());
      if (!*takes) {
        drop(layer);
        continue;
      }
    }
    if (better_of_same_instant(layer) >= 0) {
      drop(layer);
      continue;
    }
    choose(first);
  }
  return chosen_;
}

void LayerSwitch::choose(std::ptrdiff_t index) {
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  chosen_ = layer.next;
  if (index != current_ && current_ >= 0) {
    log_.changed(static_cast<double>(layer.next->time_ns) / 1e6, "layer",
                 layers_[static_cast<std::size_t>(current_)].name, layer.name);
    changed_over_ = *layer.next;
    changed_over_.after_loss = true;  // this layer's pictures until now are left out
    chosen_ = &changed_over_;
  }
  current_ = index;
}

// A larger layer that begins with the same picture, and so shows it instead.
std::ptrdiff_t LayerSwitch::better_of_same_instant(const Layer& layer) const {
  const std::int64_t apart = std::clamp((layer.next->time_ns - last_ns_) / 2, kLeastApartNs, kMostApartNs);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& other = layers_[i];
    if (&other == &layer || other.next == nullptr || static_cast<std::ptrdiff_t>(i) == current_) continue;
    if (other.next->time_ns - layer.next->time_ns < apart && can_start(*other.next) &&
        area_of(*other.next) > area_of(*layer.next))
      return static_cast<std::ptrdiff_t>(i);
  }
  return -1;
}

Result<bool> LayerSwitch::takes_over(std::size_t index) {
  const PlacedFrame& frame = *layers_[index].next;
  if (!can_start(frame) || frame.time_ns < last_ns_ + kLeastApartNs) return false;
  std::int64_t wait = kStartWaitNs;
  if (current_ >= 0) {
    const Layer& used = layers_[static_cast<std::size_t>(current_)];
    const bool gone = used.next == nullptr || used.next->time_ns > last_ns_ + kMissingNs;
    const bool larger = layers_[index].area > used.area;
    if (!gone && !larger) return false;
    wait = larger ? kUpWaitNs : kDownWaitNs;
  }
  const auto better = better_comes(frame, wait);
  if (!better) return std::unexpected(better.error());
  return !*better;
}

void LayerSwitch::drop(Layer& layer) {
  if (layer.ahead.empty())
    layer.source->pop();
  else
    layer.ahead.pop_front();
  layer.next = nullptr;
}

void LayerSwitch::forget() {
  for (Layer& layer : layers_) {
    layer.ahead.clear();
    layer.next = nullptr;
    layer.area = 0;
  }
  current_ = -1;
  last_ns_ = INT64_MIN / 2;
  chosen_ = nullptr;
}

Result<void> LayerSwitch::begin_anew() {
  forget();
  for (Layer& layer : layers_)
    if (auto done = layer.source->seek(INT64_MIN); !done) return std::unexpected(done.error());
  return {};
}

Result<std::int64_t> LayerSwitch::seek(std::int64_t time_ns) {
  if (!outline_) return read_to(time_ns);
  const auto target = outline_->find(time_ns);
  if (!target) return std::unexpected(target.error());
  if (*target) return go_to((*target)->layer, (*target)->time_ns);
  if (auto begun = begin_anew(); !begun) return std::unexpected(begun.error());
  const auto first = peek();
  if (!first) return std::unexpected(first.error());
  return *first != nullptr ? (*first)->time_ns : time_ns;
}

// All layers stand where they stand when this keyframe has been chosen: what is earlier has been passed over.
Result<std::int64_t> LayerSwitch::go_to(std::size_t index, std::int64_t keyframe_ns) {
  forget();
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    FrameSource& source = *layers_[i].source;
    if (auto sought = source.seek(keyframe_ns); !sought) return sought;
    while (i != index) {
      const auto next = source.peek();
      if (!next) return std::unexpected(next.error());
      const bool passed = *next != nullptr &&
                          ((*next)->time_ns < keyframe_ns || ((*next)->time_ns == keyframe_ns && i < index));
      if (!passed) break;
      source.pop();
    }
  }
  if (auto looked = look_ahead(); !looked) return std::unexpected(looked.error());
  current_ = static_cast<std::ptrdiff_t>(index);
  chosen_ = layers_[index].next;
  return chosen_ != nullptr ? chosen_->time_ns : keyframe_ns;
}

Result<std::int64_t> LayerSwitch::read_to(std::int64_t time_ns) {
  std::uint64_t keyframe = 0;
  for (const bool search : {true, false}) {
    if (auto begun = begin_anew(); !begun) return std::unexpected(begun.error());
    for (std::uint64_t number = 0;; ++number) {
      const auto frame = peek();
      if (!frame) return std::unexpected(frame.error());
      if (!search && (*frame == nullptr || number == keyframe))
        return *frame != nullptr ? (*frame)->time_ns : time_ns;
      if (*frame == nullptr || (*frame)->time_ns > time_ns) break;
      if (can_start(**frame)) keyframe = number;
      pop();
    }
  }
  return time_ns;
}

void LayerSwitch::pop() {
  last_ns_ = chosen_->time_ns;
  chosen_ = nullptr;
  drop(layers_[static_cast<std::size_t>(current_)]);
}

}  // namespace rtpx
