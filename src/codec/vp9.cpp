#include "codec/vp9.hpp"

#include <algorithm>

namespace rtpx {
namespace {

// Scalability structure, RFC 9628 section 4.2.1. Sizes and references are taken from elsewhere.
void skip_structure(ByteReader& in) noexcept {
  const std::uint8_t head = in.u8();
  const unsigned layers = (head >> 5) + 1U;       // N_S
  if ((head & 0x10U) != 0) in.skip(4U * layers);  // Y: width and height of each
  if ((head & 0x08U) == 0) return;                // G
  for (unsigned pictures = in.u8(); pictures > 0; --pictures) in.skip(in.u8() >> 2 & 3U);  // N_G, R
}

std::uint16_t mask_of(const Vp9Descriptor& picture) noexcept {
  return picture.long_picture_id ? 0x7FFF : 0x7F;
}

}  // namespace

std::optional<Vp9Descriptor> parse_vp9_descriptor(Bytes payload) noexcept {
  Vp9Descriptor out;
  ByteReader in(payload);
  const std::uint8_t head = in.u8();
  out.inter_picture = (head & 0x40U) != 0;
  out.flexible = (head & 0x10U) != 0;
  out.begins_layer = (head & 0x08U) != 0;
  out.ends_layer = (head & 0x04U) != 0;
  out.has_structure = (head & 0x02U) != 0;
  out.not_for_upper_layers = (head & 0x01U) != 0;
  if ((head & 0x80U) != 0) {  // I
    std::uint16_t id = in.u8();
    out.long_picture_id = (id & 0x80U) != 0;
    if (out.long_picture_id) id = static_cast<std::uint16_t>((id & 0x7FU) << 8 | in.u8());
    out.picture_id = id;
  }
  if ((head & 0x20U) != 0) {  // L
    const std::uint8_t layer = in.u8();
    out.has_layers = true;
    out.temporal_layer = layer >> 5;
    out.switching_up = (layer & 0x10U) != 0;
    out.spatial_layer = layer >> 1 & 7U;
    out.inter_layer = (layer & 1U) != 0;
    if (!out.flexible) out.tl0picidx = in.u8();
  }
  if (out.flexible && out.inter_picture) {
    std::uint8_t difference = 1;
    while ((difference & 1U) != 0) {  // N
      if (out.difference_count == out.differences.size()) return std::nullopt;
      difference = in.u8();
      out.differences[out.difference_count++] = difference >> 1;
    }
  }
  if (out.has_structure) skip_structure(in);
  out.size = in.position();
  if (!in.ok() || in.empty()) return std::nullopt;
  return out;
}

Vp9Depacketizer::Start Vp9Depacketizer::inspect(const MediaPacket& packet) {
  const auto descriptor = parse_vp9_descriptor(packet.payload);
  packet_ = descriptor.value_or(Vp9Descriptor{});
  if (!descriptor) return Start::malformed;
  if (!packet_.begins_layer) return Start::no;
  return packet_.spatial_layer == 0 ? Start::always : Start::unknown;
}

void Vp9Depacketizer::begin() {
  unit_ = packet_;
  layer_count_ = 0;
}

bool Vp9Depacketizer::add(const MediaPacket& packet) {
  if (packet_.begins_layer) {
    if (layer_count_ == kLayers) return false;
    if (layer_count_ > 0 && packet_.spatial_layer <= layers_[layer_count_ - 1].descriptor.spatial_layer)
      return false;
    layers_[layer_count_++] = {packet_, buffer().size(), 0};
  }
  if (!append(packet.payload.subspan(packet_.size))) return false;
  layers_[layer_count_ - 1].end = buffer().size();
  return true;
}

// Each layer frame was encrypted by itself. False: the picture has been dropped.
bool Vp9Depacketizer::transform_layers() {
  if (options().transform == nullptr) return true;
  std::vector<std::byte> all;
  for (std::size_t i = 0; i < layer_count_; ++i) {
    LayerFrame& layer = layers_[i];
    std::vector<std::byte> frame(buffer().begin() + static_cast<std::ptrdiff_t>(layer.begin),
                                 buffer().begin() + static_cast<std::ptrdiff_t>(layer.end));
    if (transform(frame) == FrameTransform::Outcome::refused) return false;
    layer.begin = all.size();
    all.insert(all.end(), frame.begin(), frame.end());
    layer.end = all.size();
  }
  buffer() = std::move(all);
  return true;
}

// False: nothing of this picture is wanted.
bool Vp9Depacketizer::choose_layers() {
  const auto wanted = [&](const LayerFrame& layer) {
    return layer.descriptor.spatial_layer <= options().max_spatial_layer.value_or(7);
  };
  if (unit_.temporal_layer > options().max_temporal_layer.value_or(7) || !wanted(layers_[0])) return false;
  highest_ = layer_count_ - 1;
  while (!wanted(layers_[highest_])) --highest_;
  lowest_ = highest_;
  while (lowest_ > 0 && layers_[lowest_].descriptor.inter_layer) --lowest_;
  return true;
}

// Annex B of the VP9 specification: frames one after another, and an index of their sizes.
Bytes Vp9Depacketizer::make_superframe() {
  const std::size_t begin = layers_[lowest_].begin, end = layers_[highest_].end;
  if (lowest_ == highest_) return Bytes(buffer()).subspan(begin, end - begin);
  const std::byte marker{
      static_cast<std::uint8_t>(0xC0 | 3 << 3 | (highest_ - lowest_))};  // sizes of 4 bytes
  std::array<std::byte, 2 + 4 * kLayers> index{};
  std::size_t index_size = 0;
  index[index_size++] = marker;
  superframe_.clear();
  for (std::size_t i = lowest_; i <= highest_; ++i) {
    Bytes frame = Bytes(buffer()).subspan(layers_[i].begin, layers_[i].end - layers_[i].begin);
    const bool same_size = i < highest_ && layer_sizes_[i].width == layer_sizes_[i + 1].width &&
                           layer_sizes_[i].height == layer_sizes_[i + 1].height;
    if (i < highest_ && !same_size && hide_vp9_frame(frame, layer_sizes_[i].width, hidden_)) frame = hidden_;
    superframe_.insert(superframe_.end(), frame.begin(), frame.end());
    for (std::size_t size = frame.size(), byte = 0; byte < 4; ++byte, size >>= 8)
      index[index_size++] = static_cast<std::byte>(size);
  }
  index[index_size++] = marker;
  superframe_.insert(superframe_.end(), index.begin(),
                     index.begin() + static_cast<std::ptrdiff_t>(index_size));
  return superframe_;
}

void Vp9Depacketizer::finish() {
  if (!transform_layers()) {
    broken();
    return;
  }
  std::array<std::optional<Vp9Header>, kLayers> headers;
  const bool wanted = choose_layers();
  for (std::size_t i = lowest_; wanted && i <= highest_; ++i) {
    headers[i] =
        parse_vp9_header(Bytes(buffer()).subspan(layers_[i].begin, layers_[i].end - layers_[i].begin));
    if (headers[i]) continue;
    drop(Dropped::Reason::malformed, "not a VP9 frame");
    broken();
    return;
  }
  if (!wanted) {
    (void)reference_lost(false);
    drop(Dropped::Reason::layer, "layer not wanted");
    return;
  }
  Frame frame;
  frame.discardable = true;
  Vp9Size size;
  for (std::size_t i = lowest_; i <= highest_; ++i) {
    size = layer_sizes_[i] = sizes_.next(*headers[i]);
    frame.discardable = frame.discardable && headers[i]->refreshes == 0;
  }
  const bool keyframe = headers[lowest_]->keyframe;
  frame.kind = keyframe ? FrameKind::key : FrameKind::delta;
  frame.reference_lost = reference_lost(keyframe);
  frame.temporal_layer = unit_.temporal_layer;
  frame.spatial_layer = layers_[highest_].descriptor.spatial_layer;
  if (keyframe || (size.width != 0 && (size.width != config().width || size.height != config().height))) {
    StreamConfig next = config();
    next.width = size.width;
    next.height = size.height;
    if (keyframe) next.codec_private = make_vpcc(*headers[lowest_], size);
    if (keyframe || seen_keyframe()) set_config(next);
  }
  frame.data = make_superframe();
  deliver(frame);
}

void Vp9Depacketizer::broken() {
  references_.missing(place(unit_));
  forget_pictures_up_to(unit_);
}

void Vp9Depacketizer::restart() {
  references_.restart();
  if (last_ && !last_->long_picture_id) pictures_ = {};
}

FramePlace Vp9Depacketizer::place(const Vp9Descriptor& picture) noexcept {
  FramePlace out{.picture_id = picture.picture_id,
                 .picture_id_mask = mask_of(picture),
                 .tl0picidx = picture.tl0picidx,
                 .switching_up = picture.switching_up};
  if (picture.has_layers) out.temporal_layer = picture.temporal_layer;
  return out;
}

bool Vp9Depacketizer::reference_lost(bool keyframe) {
  bool lost = false;
  if (unit_.flexible && unit_.picture_id) {
    lost = flexible_reference_lost(keyframe);
    // Kept going, for a sender that changes its mode.
    (void)references_.whole(place(unit_), keyframe);
  } else {
    lost = references_.whole(place(unit_), keyframe);
    const auto not_there = [&](const LayerFrame& layer) {
      const std::uint8_t spatial = layer.descriptor.spatial_layer;
      return layer.descriptor.inter_picture && (spatial < last_lowest_ || spatial > last_highest_);
    };
    const bool switched = std::any_of(layers_.begin() + static_cast<std::ptrdiff_t>(lowest_),
                                      layers_.begin() + static_cast<std::ptrdiff_t>(highest_) + 1, not_there);
    if (switched && !keyframe) {
      references_.missing(place(unit_));
      lost = true;
    }
  }
  last_lowest_ = layers_[lowest_].descriptor.spatial_layer;
  last_highest_ = layers_[highest_].descriptor.spatial_layer;
  return lost;
}

void Vp9Depacketizer::forget_pictures_up_to(const Vp9Descriptor& picture) {
  if (!picture.picture_id) return;
  const unsigned mask = mask_of(picture);
  const unsigned step =
      last_ && last_->picture_id ? (*picture.picture_id - *last_->picture_id) & mask : 0x7FFF;
  for (unsigned back = 0; back < std::min<unsigned>(step, pictures_.size()); ++back)
    pictures_[(*picture.picture_id - back) & 0x7F].intact = false;
  last_ = picture;
}

bool Vp9Depacketizer::flexible_reference_lost(bool keyframe) {
  forget_pictures_up_to(unit_);
  bool lost = !keyframe && layers_[lowest_].descriptor.inter_layer;  // the layer below did not come
  for (std::size_t i = lowest_; i <= highest_ && !keyframe; ++i) {
    const Vp9Descriptor& layer = layers_[i].descriptor;
    for (std::size_t k = 0; k < layer.difference_count; ++k) {
      const auto id = static_cast<std::uint16_t>((*unit_.picture_id - layer.differences[k]) & mask_of(unit_));
      const Picture& referred = pictures_[id & 0x7FU];
      lost = lost || !referred.intact || referred.id != id || layer.spatial_layer < referred.lowest ||
             layer.spatial_layer > referred.highest;
    }
  }
  pictures_[*unit_.picture_id & 0x7FU] = {*unit_.picture_id, !lost, layers_[lowest_].descriptor.spatial_layer,
                                          layers_[highest_].descriptor.spatial_layer};
  return lost;
}

}  // namespace rtpx
