#include "compose/picture_track.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "frames/layer_frames.hpp"
#include "frames/layer_switch.hpp"
#include "media/picture_decoder.hpp"

namespace rtpx::film {
namespace {

constexpr std::size_t kMostKept = 8U << 20;        // bytes; then they are decoded although nobody looks
constexpr std::int64_t kFreezeNs = 2'000'000'000;  // damaged pictures are shown after so long without others
constexpr int kMostAhead = 20;                     // frames that are decoded before their time: H.264 and H.265 reorder 16
constexpr double kFits = 0.85;                     // a layer of so much of the tile's sides is large enough

/// How many of the layers, smallest first, are worth reading.
std::size_t layers_for(const TrackSource& source, int width, int height) {
  for (std::size_t i = 0; i < source.layers.size(); ++i) {
    const PictureSize& size = source.layers[i]->layer->largest;
    const int longer = std::max(size.width, size.height), shorter = std::min(size.width, size.height);
    if (longer >= kFits * std::max(width, height) && shorter >= kFits * std::min(width, height)) return i + 1;
  }
  return source.layers.size();
}

}  // namespace

Result<std::unique_ptr<PictureTrack>> PictureTrack::open(const TrackSource& source, int width, int height) {
  std::unique_ptr<PictureTrack> track(new PictureTrack(source));
  std::vector<std::unique_ptr<FrameSource>> layers;
  std::vector<std::string> names;
  const std::size_t count = layers_for(source, width, height);
  for (std::size_t i = 0; i < count; ++i) {
    const PlacedLayer& layer = *source.layers[i];
    track->logs_.push_back(std::make_unique<FrameLog>());
    auto frames = LayerFrames::open(layer, *source.spill, source.frame_options(), *track->logs_.back());
    if (!frames) return std::unexpected(frames.error());
    layers.push_back(std::move(*frames));
    names.push_back(rid_of(*layer.track, layer.layer->rid_index).value_or(""));
  }
  if (layers.size() == 1)
    track->frames_ = std::move(layers.front());
  else
    track->frames_ =
        std::make_unique<LayerSwitch>(std::move(layers), std::move(names), *track->logs_.front());
  return track;
}

std::unique_ptr<PictureTrack> PictureTrack::of(const TrackSource& source, std::unique_ptr<FrameSource> frames) {
  std::unique_ptr<PictureTrack> track(new PictureTrack(source));
  track->frames_ = std::move(frames);
  track->follows_ = true;
  return track;
}

Result<std::optional<PictureTrack::Shown>> PictureTrack::at(std::int64_t time_ns, std::int64_t tick_ns) {
  if (auto passed = pass(time_ns, tick_ns); !passed) return std::unexpected(passed.error());
  decode_kept();
  if (auto looked = look_ahead(time_ns); !looked) return std::unexpected(looked.error());
  show_ready(time_ns, tick_ns);
  if (number_ == 0) return std::optional<Shown>();
  return Shown{shown_.get(), orientation_, number_};
}

Result<void> PictureTrack::pass(std::int64_t time_ns, std::int64_t tick_ns) {
  for (bool any = false; time_ns > asked_ns_; any = true) {
    const auto frame = frames_->peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) break;
    const std::int64_t age_ns = time_ns - ((*frame)->time_ns + source_.offset_ns);
    if (age_ns < 0 || (any && age_ns < tick_ns)) break;
    keep(**frame);
    frames_->pop();
  }
  asked_ns_ = std::max(asked_ns_, time_ns);
  return {};
}

// Pictures that others refer to are sent before those (B pictures): what is to be shown is known once the decoder has come to
// something later.
Result<void> PictureTrack::look_ahead(std::int64_t time_ns) {
  for (int ahead = 0; reorders() && ahead < kMostAhead && (ready_.empty() || ready_.back().time_ns <= time_ns); ++ahead) {
    const auto frame = frames_->peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) {
      if (!follows_) drain();
      return {};
    }
    keep(**frame);
    frames_->pop();
    decode_kept();
  }
  return {};
}

/// What the decoder holds back; it takes nothing more then.
void PictureTrack::drain() {
  (void)libav::decode(*decoder_, nullptr, *decoding_, [&]() -> Result<void> {
    take_decoded();
    return {};
  });
}

void PictureTrack::show_ready(std::int64_t time_ns, std::int64_t tick_ns) {
  for (bool any = false; !ready_.empty() && ready_.front().time_ns <= time_ns; any = true) {
    if (any && time_ns - ready_.front().time_ns < tick_ns) return;
    show(std::move(ready_.front()));
    ready_.pop_front();
  }
}

// All that a keyframe makes superfluous goes.
void PictureTrack::keep(const PlacedFrame& frame) {
  if (frame.frame.kind == FrameKind::key) {
    while (!kept_.empty()) {
      spare_.push_back(std::move(kept_.front().data));
      kept_.pop_front();
    }
    kept_bytes_ = 0;
    if (!use_decoder_of(frame)) return;
  } else if (!decoder_) {
    return;
  }
  Kept kept;
  if (!spare_.empty()) {
    kept.data = std::move(spare_.back());
    spare_.pop_back();
  }
  kept.data.assign(frame.frame.data.begin(), frame.frame.data.end());
  kept.time_ns = frame.time_ns + source_.offset_ns;
  kept.orientation = frame.orientation;
  kept.damaged = frame.frame.reference_lost;
  kept_bytes_ += kept.data.size();
  kept_.push_back(std::move(kept));
  if (kept_bytes_ <= kMostKept) return;
  decode_kept();
  show_ready(asked_ns_, 0);
}

bool PictureTrack::use_decoder_of(const PlacedFrame& frame) {
  if (frame.codec == nullptr || frame.config == nullptr) return decoder_ != nullptr;
  if (decoder_ && mime_type_ == frame.codec->mime_type && configuration_ == frame.config->codec_private)
    return true;
  mime_type_ = frame.codec->mime_type;
  configuration_ = frame.config->codec_private;
  if (reorders()) drain();
  decoder_.reset();
  auto made = open_picture_decoder(mime_type_, *frame.config, 1);
  if (!made) {
    refused_ = made.error().message;
    return false;
  }
  decoder_ = std::move(*made);
  return true;
}

void PictureTrack::decode_kept() {
  for (; !kept_.empty(); kept_.pop_front()) {
    decode(kept_.front());
    if (spare_.size() < 4) spare_.push_back(std::move(kept_.front().data));
  }
  kept_bytes_ = 0;
}

void PictureTrack::decode(const Kept& frame) {
  if (!decoder_ || frame.data.empty()) return;
  if (av_new_packet(packet_.get(), static_cast<int>(frame.data.size())) < 0) throw std::bad_alloc();
  std::memcpy(packet_->data, frame.data.data(), frame.data.size());
  packet_->pts = packet_->dts = frame.time_ns;
  places_[next_place_] = {frame.time_ns, frame.orientation, frame.damaged};
  next_place_ = (next_place_ + 1) % places_.size();
  (void)libav::decode(*decoder_, packet_.get(), *decoding_, [&]() -> Result<void> {
    take_decoded();
    return {};
  });
  av_packet_unref(packet_.get());
}

void PictureTrack::take_decoded() {
  ++decoded_;
  const auto place = std::ranges::find(places_, decoding_->pts, &Place::time_ns);
  const bool known = place != places_.end();
  Ready ready;
  ready.time_ns = known ? place->time_ns : shown_ns_ + 1;
  if (known) ready.orientation = place->orientation;
  ready.damaged = (known && place->damaged) || (decoding_->flags & AV_FRAME_FLAG_CORRUPT) != 0;
  ready.picture = libav::make_frame();
  av_frame_move_ref(ready.picture.get(), decoding_.get());
  if (reorders())
    ready_.push_back(std::move(ready));
  else
    show(std::move(ready));
}

// A picture that refers to what was lost is not shown, unless nothing else comes.
void PictureTrack::show(Ready ready) {
  if (ready.damaged && number_ > 0 && ready.time_ns < shown_ns_ + kFreezeNs) return;
  shown_ = std::move(ready.picture);
  orientation_ = ready.orientation.value_or(orientation_);
  if (!ready.damaged) shown_ns_ = ready.time_ns;
  ++number_;
}

}  // namespace rtpx::film
