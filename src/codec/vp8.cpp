#include "codec/vp8.hpp"

#include <algorithm>

namespace rtpx {

std::optional<Vp8Descriptor> parse_vp8_descriptor(Bytes payload) noexcept {
  Vp8Descriptor out;
  ByteReader in(payload);
  const std::uint8_t required = in.u8();
  out.non_reference = (required & 0x20U) != 0;
  out.starts_partition = (required & 0x10U) != 0;
  out.partition = required & 0x07U;
  if ((required & 0x80U) != 0) {  // X
    const std::uint8_t extension = in.u8();
    if ((extension & 0x80U) != 0) {  // I
      std::uint16_t id = in.u8();
      out.long_picture_id = (id & 0x80U) != 0;
      if (out.long_picture_id) id = static_cast<std::uint16_t>((id & 0x7FU) << 8 | in.u8());
      out.picture_id = id;
    }
    if ((extension & 0x40U) != 0) out.tl0picidx = in.u8();  // L
    if ((extension & 0x30U) != 0) {                         // T, K
      const std::uint8_t layer = in.u8();
      if ((extension & 0x20U) != 0) {
        out.temporal_layer = static_cast<std::uint8_t>(layer >> 6);
        out.layer_sync = (layer & 0x20U) != 0;
      }
    }
  }
  out.size = in.position();
  if (!in.ok() || in.empty()) return std::nullopt;
  return out;
}

std::optional<Vp8FrameHeader> parse_vp8_frame_header(Bytes frame) noexcept {
  if (frame.size() < 3) return std::nullopt;
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(frame[i]); };
  Vp8FrameHeader out;
  out.keyframe = (at(0) & 0x01U) == 0;
  out.shown = (at(0) & 0x10U) != 0;
  if (!out.keyframe) return out;
  if (frame.size() < 10 || at(3) != 0x9D || at(4) != 0x01 || at(5) != 0x2A) return std::nullopt;
  out.width = static_cast<std::uint16_t>((at(7) << 8 | at(6)) & 0x3FFF);
  out.height = static_cast<std::uint16_t>((at(9) << 8 | at(8)) & 0x3FFF);
  if (out.width == 0 || out.height == 0) return std::nullopt;
  return out;
}

void Vp8References::account_for_gap(const Vp8Descriptor& now, bool whole) noexcept {
  if (missing_packets_ == 0) return;
  // A counter that may have gone round once says nothing.
  const unsigned mask = now.long_picture_id ? 0x7FFFU : 0x7FU;
  if (now.picture_id && picture_id_ && missing_packets_ <= mask) {
    // The frame's own number again: the rest of a frame that missing() has counted.
    const unsigned step = (*now.picture_id - *picture_id_) & mask;
    if (step == 1 || (step == 0 && !whole)) return;
  }
  damaged_[1] = damaged_[2] = damaged_[3] = true;
  if (now.tl0picidx && tl0picidx_ && now.temporal_layer && missing_packets_ <= 0xFF) {
    const auto step = static_cast<std::uint8_t>(*now.tl0picidx - *tl0picidx_);
    if (step == (*now.temporal_layer == 0 ? 1 : 0)) return;  // what is missing was of higher layers
  }
  damaged_[0] = true;
}

void Vp8References::remember(const Vp8Descriptor& now) noexcept {
  picture_id_ = now.picture_id;
  tl0picidx_ = now.tl0picidx;
}

void Vp8References::missing(const Vp8Descriptor& now) noexcept {
  // Packets may be missing on either side of what was received: the gap stays noted.
  account_for_gap(now, false);
  remember(now);
  if (!now.non_reference) damaged_[now.temporal_layer.value_or(0)] = true;
}

bool Vp8References::whole(const Vp8Descriptor& now, bool keyframe) noexcept {
  account_for_gap(now, true);
  missing_packets_ = 0;
  remember(now);
  if (keyframe) {
    damaged_ = {};
    return false;
  }
  const std::size_t layer = now.temporal_layer.value_or(0);
  const bool lost = now.layer_sync ? damaged_[0]
                                   : std::any_of(damaged_.begin(), damaged_.begin() + layer + 1,
                                                 [](bool damaged) { return damaged; });
  if (!now.non_reference) damaged_[layer] = lost;
  return lost;
}

Vp8Depacketizer::Start Vp8Depacketizer::inspect(const MediaPacket& packet) {
  const auto descriptor = parse_vp8_descriptor(packet.payload);
  packet_ = descriptor.value_or(Vp8Descriptor{});
  if (!descriptor) return Start::malformed;
  return packet_.starts_partition && packet_.partition == 0 ? Start::always : Start::no;
}

bool Vp8Depacketizer::add(const MediaPacket& packet) {
  return append(packet.payload.subspan(packet_.size));
}

void Vp8Depacketizer::finish() {
  const auto header = parse_vp8_frame_header(buffer());
  if (!header) {
    drop(Dropped::Reason::malformed, "not a VP8 frame");
    references_.missing(unit_);
    return;
  }
  Frame frame;
  frame.kind = header->keyframe ? FrameKind::key : FrameKind::delta;
  frame.reference_lost = references_.whole(unit_, header->keyframe);
  frame.discardable = unit_.non_reference;
  frame.temporal_layer = unit_.temporal_layer.value_or(0);
  frame.data = buffer();
  if (frame.temporal_layer > options().max_temporal_layer.value_or(3)) {
    drop(Dropped::Reason::layer, "temporal layer not wanted");
    return;
  }
  if (header->keyframe) {
    StreamConfig next;
    next.width = header->width;
    next.height = header->height;
    set_config(next);
  }
  deliver(frame);
}

}  // namespace rtpx
