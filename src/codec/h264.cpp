#include "codec/h264.hpp"

#include <utility>

namespace rtpx {
namespace {

constexpr std::size_t kFuHeader = 2;  // FU indicator and FU header, RFC 6184 section 5.8

// The header of the NAL unit that an FU-A is a piece of.
std::byte fragmented_header(Bytes payload) noexcept {
  return (payload[0] & std::byte{0xE0}) | (payload[1] & std::byte{0x1F});
}

bool is_slice(H264Nal type) noexcept {
  return type >= H264Nal::slice && type <= H264Nal::idr;
}

}  // namespace

void H264Depacketizer::add_parameter_set(Bytes nal) {
  if (!nal.empty()) (void)take_nal(nal);
  unit_ = {};
}

H264Depacketizer::Start H264Depacketizer::inspect(const MediaPacket& packet) {
  descriptor_.reset();
  if (packet.dependency_descriptor) descriptor_ = descriptors_.read(*packet.dependency_descriptor);
  Bytes first = packet.payload;  // the first NAL unit in the packet
  H264Nal type = h264_type(first[0]);
  if (type == H264Nal::fu_a) {
    if (first.size() <= kFuHeader) return Start::malformed;
    if ((u8(first[1]) & 0x80U) == 0) return Start::no;
    type = h264_type(first[1]);
    first = first.subspan(1);
  } else if (type == H264Nal::stap_a) {
    if (first.size() < 4) return Start::malformed;
    first = first.subspan(3);
    type = h264_type(first[0]);
  }
  // Section 7.4.1.2.3: these come before all slices of their access unit. Parameter sets that may have come
  // before them are finish_sample()'s matter.
  const bool next_picture = unit_open() && unit_.has_slice && !markers_tell();
  if (type >= H264Nal::sei && type <= H264Nal::access_unit_delimiter)
    return next_picture && options().markers_within_pictures ? Start::always : Start::yes;
  if (!is_slice(type)) return Start::unknown;
  // first_mb_in_slice is 0 exactly when its first bit is 1.
  if (first.size() < 2 || (u8(first[1]) & 0x80U) == 0) return Start::unknown;
  return next_picture && unit_.sps && sps_[*unit_.sps]->frame_mbs_only ? Start::always : Start::yes;
}

void H264Depacketizer::begin() {
  NalDepacketizer::begin();
  unit_ = {};
  references_.begin_unit(descriptor_.has_value());
  if (!descriptor_) return;
  unit_.temporal_layer = descriptor_->temporal_layer;
  references_.frame(*descriptor_);
}

bool H264Depacketizer::add(const MediaPacket& packet) {
  const Bytes payload = packet.payload;
  const H264Nal type = h264_type(payload[0]);
  if (type == H264Nal::stap_a) return add_aggregate(payload.subspan(1));
  if (type != H264Nal::fu_a) return u8(payload[0]) % 32 - 1U < 23U && add_nal(payload);
  const bool start = (u8(payload[1]) & 0x80U) != 0, end = (u8(payload[1]) & 0x40U) != 0;
  const std::byte header = fragmented_header(payload);
  const Bytes data = payload.subspan(kFuHeader);
  if (!(start ? begin_fragment(Bytes(&header, 1), data) : add_fragment(data))) return false;
  return !end || end_fragment();
}

bool H264Depacketizer::take_nal(Bytes nal) {
  const H264Nal type = h264_type(nal[0]);
  if (is_slice(type)) {
    take_slice(nal);
    return true;
  }
  if (type == H264Nal::sei) {
    if (const auto frames = h264_recovery_point(nal))
      unit_.recovery_frames = std::min(unit_.recovery_frames.value_or(*frames), *frames);
    return true;
  }
  if (type == H264Nal::prefix) {
    if (const auto layer = h264_temporal_layer(nal)) unit_.temporal_layer = *layer;
    return false;
  }
  if (type == H264Nal::sps) {
    unit_.has_sps = true;
    if (const auto sps = parse_h264_sps(nal); sps && nal.size() <= 0xFFFF) {
      sps_[sps->id] = *sps;
      sets_.store(static_cast<std::uint8_t>(type), sps->id, nal);
    }
  } else if (type == H264Nal::pps) {
    if (const auto pps = parse_h264_pps(nal); pps && nal.size() <= 0xFFFF) {
      sps_of_pps_[pps->id] = pps->sps_id;
      sets_.store(static_cast<std::uint8_t>(type), pps->id, nal);
    }
  }
  return false;
}

void H264Depacketizer::take_slice(Bytes nal) {
  unit_.reference = unit_.reference || (u8(nal[0]) & 0x60U) != 0;
  unit_.idr = unit_.idr || h264_type(nal[0]) == H264Nal::idr;
  if (std::exchange(unit_.has_slice, true)) return;
  const auto slice = parse_h264_slice(nal);
  if (!slice) return;
  unit_.sps = sps_of(slice->pps_id);
  if (unit_.sps) unit_.frame_num = h264_frame_num(nal, *sps_[*unit_.sps]);
}

std::optional<std::uint32_t> H264Depacketizer::sps_of(std::uint32_t pps_id) const {
  const auto sps = sps_of_pps_[pps_id];
  return sps && sps_[*sps] ? sps : std::nullopt;
}

void H264Depacketizer::restart() {
  lost(1 << 16);
  begun_ = false;
  descriptors_.reset();
  references_.reset();
}

// After a loss: dependency descriptors tell exactly what it damages. Else frame_num, which goes up by one
// after each reference picture, shows whether one is missing.
bool H264Depacketizer::reference_lost(bool key) {
  const bool loss = uncertain_;
  if (key) {
    damaged_ = false;
  } else if (references_.missing()) {
    damaged_ = damaged_ || uncertain_;
  } else if (!unit_.sps || !unit_.frame_num) {
    damaged_ = true;
  } else if (uncertain_) {
    const std::uint32_t turn = 1U << sps_[*unit_.sps]->frame_num_bits;
    const bool exact = sps_[*unit_.sps]->frame_mbs_only && missing_packets_ < turn;
    if (!exact || *unit_.frame_num != (reference_frame_num_ + 1) % turn) damaged_ = true;
  }
  uncertain_ = false;
  missing_packets_ = 0;
  refresh(loss);
  if (unit_.frame_num) reference_frame_num_ = unit_.reference ? *unit_.frame_num : *unit_.frame_num - 1;
  const bool lost = damaged_ && references_.missing().value_or(true);
  references_.settle(!lost);
  return lost;
}

// Intra refresh: what is damaged is whole again recovery_frame_cnt reference frames after a recovery point, unless
// something is lost on the way (section D.2.8).
void H264Depacketizer::refresh(bool loss) {
  if (!damaged_ || loss) refresh_left_.reset();
  if (!damaged_) return;
  if (refresh_left_ && unit_.reference && --*refresh_left_ == 0) {
    damaged_ = false;
    refresh_left_.reset();
  } else if (!refresh_left_) {
    refresh_left_ = unit_.recovery_frames;
  }
}

void H264Depacketizer::finish_sample() {
  if (!unit_.has_slice) return;  // parameter sets alone
  Frame frame;
  if (unit_.idr && uncertain_ && idr_brings_sps_ && !unit_.has_sps) {
    drop(Dropped::Reason::incomplete, kSetsMissing);
    damaged_ = true;
    return;
  }
  // Where nothing came before, decoders begin at any recovery point.
  const bool key = unit_.idr || unit_.recovery_frames == 0U || (!begun_ && unit_.recovery_frames);
  frame.kind = key ? FrameKind::key : FrameKind::delta;
  frame.discardable = !unit_.reference;
  frame.temporal_layer = unit_.temporal_layer;
  frame.reference_lost = reference_lost(key);
  if (frame.temporal_layer > options().max_temporal_layer.value_or(7)) {
    drop(Dropped::Reason::layer, "temporal layer not wanted");
    return;
  }
  if (unit_.idr) idr_brings_sps_ = unit_.has_sps;
  if (unit_.sps) active_sps_ = unit_.sps;
  if (frame.kind == FrameKind::key && !active_sps_) {
    drop(Dropped::Reason::before_keyframe, kSetsMissing);
    damaged_ = true;
    return;
  }
  begun_ = begun_ || key;
  deliver_sample(frame);
}

StreamConfig H264Depacketizer::make_config() const {
  StreamConfig out;
  if (active_sps_) {
    out.width = sps_[*active_sps_]->width;
    out.height = sps_[*active_sps_]->height;
  }
  out.codec_private = make_avcc(sets_);
  return out;
}

}  // namespace rtpx
