#include "codec/vp8.hpp"

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

FramePlace Vp8Depacketizer::place(const Vp8Descriptor& frame) noexcept {
  return {.picture_id = frame.picture_id,
          .picture_id_mask = static_cast<std::uint16_t>(frame.long_picture_id ? 0x7FFF : 0x7F),
          .tl0picidx = frame.tl0picidx,
          .temporal_layer = frame.temporal_layer,
          .layer_sync = frame.layer_sync,
          .non_reference = frame.non_reference};
}

Vp8Depacketizer::Start Vp8Depacketizer::inspect(const MediaPacket& packet) {
  const auto descriptor = parse_vp8_descriptor(packet.payload);
  packet_ = descriptor.value_or(Vp8Descriptor{});
  described_.reset();
  if (packet.dependency_descriptor) described_ = descriptors_.read(*packet.dependency_descriptor);
  if (!descriptor) return Start::malformed;
  return packet_.starts_partition && packet_.partition == 0 ? Start::always : Start::no;
}

void Vp8Depacketizer::begin() {
  unit_ = packet_;
  const bool tells_itself = unit_.picture_id || unit_.temporal_layer;
  unit_described_ = tells_itself ? std::nullopt : described_;
  described_references_.begin_unit(unit_described_.has_value());
  if (unit_described_) described_references_.frame(*unit_described_);
}

void Vp8Depacketizer::broken() {
  damaged_ = true;
  references_.missing(place(unit_));
}

void Vp8Depacketizer::lost(std::int64_t packets) {
  damaged_ = true;
  references_.gap(packets);
}

void Vp8Depacketizer::restart() {
  damaged_ = true;
  references_.restart();
  descriptors_.reset();
  described_references_.reset();
}

bool Vp8Depacketizer::reference_lost(bool keyframe) {
  if (keyframe) damaged_ = false;
  bool lost = references_.whole(place(unit_), keyframe);
  if (const auto missing = described_references_.missing()) lost = damaged_ && *missing;
  described_references_.settle(!lost);
  return lost;
}

bool Vp8Depacketizer::add(const MediaPacket& packet) {
  return append(packet.payload.subspan(packet_.size));
}

void Vp8Depacketizer::finish() {
  if (transform(buffer()) == FrameTransform::Outcome::refused) {
    broken();
    return;
  }
  const auto header = parse_vp8_frame_header(buffer());
  if (!header) {
    drop(Dropped::Reason::malformed, "not a VP8 frame");
    broken();
    return;
  }
  Frame frame;
  frame.kind = header->keyframe ? FrameKind::key : FrameKind::delta;
  frame.reference_lost = reference_lost(header->keyframe);
  frame.discardable = unit_.non_reference;
  frame.temporal_layer = unit_described_ ? unit_described_->temporal_layer : unit_.temporal_layer.value_or(0);
  frame.data = buffer();
  if (frame.temporal_layer > options().max_temporal_layer.value_or(7)) {
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
