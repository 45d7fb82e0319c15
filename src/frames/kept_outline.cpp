// Which places of a layer may be entered by a new depacketizer: those from which the same frames come.
#include <algorithm>
#include <bit>

#include "base/crc32c.hpp"
#include "frames/layer_outline.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kMostReadings = 4;  // of the layer, to prove places

/// All that is seen of a frame.
std::uint64_t digest_of_frame(const PlacedFrame& placed) {
  const Frame& frame = placed.frame;
  std::uint64_t digest = crc32c(frame.data);
  const auto mix = [&](std::uint64_t value) { digest = (std::rotl(digest, 23) ^ value) * 0x9E3779B97F4A7C15U; };
  for (const std::int64_t value : {placed.time_ns, placed.duration_ns, placed.discard_ns, placed.codec_delay_ns,
                                   frame.timestamp, frame.first_sequence, frame.last_sequence})
    mix(static_cast<std::uint64_t>(value));
  mix(frame.data.size());
  mix(frame.duration);
  mix(static_cast<std::uint64_t>(placed.orientation.clockwise_degrees));
  for (const bool value : {frame.kind == FrameKind::key, frame.discardable, frame.reference_lost,
                           frame.parameters_changed, placed.after_loss, placed.filler, placed.orientation.mirrored})
    mix(value ? 1 : 0);
  mix(std::uint64_t{frame.temporal_layer} << 8 | frame.spatial_layer);
  mix(placed.codec == nullptr ? 256 : placed.codec->payload_type);
  if (placed.config == nullptr) return digest;
  const StreamConfig& config = *placed.config;
  mix(crc32c(config.codec_private));
  for (const auto value : {static_cast<std::uint64_t>(config.width), static_cast<std::uint64_t>(config.height),
                           std::uint64_t{config.sample_rate}, std::uint64_t{config.channels},
                           std::uint64_t{config.bits_per_sample}})
    mix(value);
  return digest;
}

LayerFrames::Place without_depacketizer(const LayerFrames::Place& place) {
  LayerFrames::Place made;
  made.cursor = place.cursor;
  made.codec_type = place.codec_type;
  made.payload_type = place.payload_type;
  made.segment = place.segment;
  made.config = place.config;
  made.orientation = place.orientation;
  made.last_encrypted = place.last_encrypted;
  made.latest_ns = place.latest_ns;
  made.latest_segment = place.latest_segment;
  made.last_sequence = place.last_sequence;
  made.missing = place.missing;
  made.may_reorder = place.may_reorder;
  made.number = place.number;
  return made;
}

}  // namespace

Result<LayerOutline::Kept> LayerOutline::keep() {
  Kept kept;
  std::vector<std::uint64_t> all;
  on_frame_ = [&all](const PlacedFrame& frame) { all.push_back(digest_of_frame(frame)); };
  auto keyframes_read = keyframes();
  on_frame_ = nullptr;
  if (!keyframes_read) return std::unexpected(keyframes_read.error());
  kept.keyframes = std::move(*keyframes_read);
  FrameLog log;
  auto frames = LayerFrames::open(placed_, spill_, options_, log);
  if (!frames) return std::unexpected(frames.error());
  // From the back: each is proven up to the one after it that is.
  std::uint64_t end = all.size(), budget = kMostReadings * all.size();
  for (auto start = starts_.rbegin(); start != starts_.rend() && budget > 0; ++start) {
    LayerFrames::Place place = without_depacketizer(*start->place);
    if (place.number >= end) continue;
    (*frames)->go_to(place);
    bool same = true;
    for (std::uint64_t number = place.number; same && number < end && budget > 0; ++number, --budget) {
      const auto frame = (*frames)->peek();
      if (!frame) return std::unexpected(frame.error());
      same = *frame != nullptr && digest_of_frame(**frame) == all[number];
      if (same) (*frames)->pop();
    }
    if (same && end == all.size()) {  // and nothing follows
      const auto frame = (*frames)->peek();
      if (!frame) return std::unexpected(frame.error());
      same = *frame == nullptr;
    }
    if (!same || budget == 0) continue;
    end = place.number;
    kept.starts.push_back({start->time_ns, std::move(place)});
  }
  std::ranges::reverse(kept.starts);
  return kept;
}

void LayerOutline::know(Kept kept) {
  const std::lock_guard lock(mutex_);
  keyframes_ = std::move(kept.keyframes);
  starts_.clear();
  std::shared_ptr<const LayerFrames::Place> next;
  for (auto start = kept.starts.rbegin(); start != kept.starts.rend(); ++start) {
    auto place = std::make_shared<LayerFrames::Place>(std::move(start->place));
    place->next = std::exchange(next, place);
    starts_.push_back({start->time_ns, next});
  }
  std::ranges::reverse(starts_);
  walker_.reset();
  ended_ = true;
}

}  // namespace rtpx
