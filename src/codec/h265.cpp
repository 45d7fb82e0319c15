#include "codec/h265.hpp"

#include "codec/h265_payload.hpp"

#include <utility>

namespace rtpx {
namespace {

constexpr std::size_t kFuHeaders = 3;  // payload header and FU header, RFC 7798 section 4.4.3

bool is_rasl(H265Nal type) noexcept {
  return type == H265Nal::rasl_n || type == H265Nal::rasl_r;
}
// Section 7.4.2.2: even types up to 14 are sub-layer non-reference pictures.
bool is_non_reference(H265Nal type) noexcept {
  return type < H265Nal::sub_layer_last && static_cast<std::uint8_t>(type) % 2 == 0;
}

// The header of the NAL unit that an FU is a piece of.
std::array<std::byte, 2> fragmented_nal_header(Bytes payload) noexcept {
  return {(payload[0] & std::byte{0x81}) | static_cast<std::byte>((u8(payload[2]) & 0x3FU) << 1), payload[1]};
}

}  // namespace

void H265Depacketizer::add_parameter_set(Bytes nal) {
  if (!nal.empty()) (void)take_nal(nal);
  unit_ = {};
}

H265Depacketizer::Start H265Depacketizer::inspect(const MediaPacket& packet) {
  const auto plain = plain_h265_payload(packet.payload, has_donl_, plain_);
  if (!plain) return Start::malformed;
  payload_ = *plain;
  auto header = parse_h265_header(payload_);
  Bytes first = payload_;
  if (header->type == H265Nal::fragmentation) {
    if (first.size() <= kFuHeaders) return Start::malformed;
    if ((u8(first[2]) & 0x80U) == 0) return Start::no;
    header->type = static_cast<H265Nal>(u8(first[2]) & 0x3FU);
    first = first.subspan(1);
  } else if (header->type == H265Nal::aggregation) {
    first = first.subspan(std::min<std::size_t>(first.size(), 4));
    header = parse_h265_header(first);
    if (!header) return Start::malformed;
  }
  // Section 7.4.2.4.4: these come before all slices of their access unit. Parameter sets that may have come
  // before them are finish_sample()'s matter.
  const bool next_picture = unit_open() && unit_.has_slice && !markers_tell();
  if ((header->type >= H265Nal::vps && header->type <= H265Nal::access_unit_delimiter) ||
      header->type == H265Nal::prefix_sei)
    return next_picture && options().markers_within_pictures ? Start::always : Start::yes;
  if (header->type > H265Nal::vcl_last) return Start::unknown;
  if (first.size() < 3 || (u8(first[2]) & 0x80U) == 0) return Start::unknown;  // first_slice_segment…
  return next_picture && header->layer == 0 ? Start::always : Start::yes;
}

void H265Depacketizer::begin() {
  NalDepacketizer::begin();
  unit_ = {};
}

bool H265Depacketizer::add(const MediaPacket&) {
  const H265Nal type = parse_h265_header(payload_)->type;
  if (type == H265Nal::aggregation) return add_aggregate(payload_.subspan(2));
  if (type != H265Nal::fragmentation) return type < H265Nal::aggregation && add_nal(payload_);
  const bool start = (u8(payload_[2]) & 0x80U) != 0, end = (u8(payload_[2]) & 0x40U) != 0;
  const Bytes data = payload_.subspan(kFuHeaders);
  if (!(start ? begin_fragment(fragmented_nal_header(payload_), data) : add_fragment(data))) return false;
  return !end || end_fragment();
}

bool H265Depacketizer::take_nal(Bytes nal) {
  const auto header = parse_h265_header(nal);
  if (!header || header->layer != 0) return false;
  if (header->type <= H265Nal::vcl_last) {
    take_slice(*header, nal);
    return true;
  }
  if (header->type == H265Nal::prefix_sei)
    if (const auto pocs = h265_recovery_point(nal); pocs && !unit_.recovery_pocs) unit_.recovery_pocs = pocs;
  if (header->type < H265Nal::vps || header->type > H265Nal::pps)
    return header->type != H265Nal::access_unit_delimiter && header->type != H265Nal::filler;
  const auto id = h265_parameter_set_id(nal);
  if (!id || nal.size() > 0xFFFF) return false;
  if (header->type == H265Nal::sps) {
    unit_.has_sps = true;
    sps_[*id] = parse_h265_sps(nal);
  }
  if (header->type == H265Nal::pps) pps_[*id] = parse_h265_pps(nal);
  sets_.store(static_cast<std::uint8_t>(header->type), *id, nal);
  return false;
}

void H265Depacketizer::take_slice(const H265Header& header, Bytes nal) {
  if (std::exchange(unit_.has_slice, true)) return;
  unit_.header = header;
  const auto pps = h265_slice_pps(nal);
  if (!pps || !pps_[*pps]) return;
  const auto& sps = sps_[pps_[*pps]->sps_id];
  if (!sps) return;
  active_sps_ = sps;
  unit_.poc_lsb = h265_poc_lsb(nal, *sps, *pps_[*pps]);
}

// Gradual refresh: what is damaged is whole again with the picture that a recovery point names by its order, unless
// something is lost on the way (section D.3.8).
void H265Depacketizer::refresh(bool loss) {
  if (!damaged_ || loss) whole_from_poc_lsb_.reset();
  if (!damaged_ || !unit_.poc_lsb) return;
  const std::uint32_t turn = 1U << active_sps_->poc_lsb_bits;
  if (whole_from_poc_lsb_ && (*unit_.poc_lsb - *whole_from_poc_lsb_) % turn < turn / 2) {
    damaged_ = false;
    whole_from_poc_lsb_.reset();
  } else if (!whole_from_poc_lsb_ && unit_.recovery_pocs && std::abs(*unit_.recovery_pocs) < static_cast<int>(turn / 2)) {
    whole_from_poc_lsb_ = (*unit_.poc_lsb + static_cast<std::uint32_t>(*unit_.recovery_pocs)) % turn;
  }
}

void H265Depacketizer::finish_sample() {
  if (!unit_.has_slice) return;  // parameter sets alone
  const H265Nal type = unit_.header.type;
  Frame frame;
  // Where nothing came before, decoders begin at any recovery point.
  const bool key = is_irap(type) || (unit_.recovery_pocs && (*unit_.recovery_pocs == 0 || !seen_keyframe()));
  frame.kind = key ? FrameKind::key : FrameKind::delta;
  frame.temporal_layer = unit_.header.temporal_id;
  frame.discardable = is_non_reference(type);
  if (frame.temporal_layer > options().max_temporal_layer.value_or(7)) {
    drop(Dropped::Reason::layer, "temporal layer not wanted");
    return;
  }
  if (key) {
    if (uncertain_ && irap_brings_sps_ && !unit_.has_sps) {
      drop(Dropped::Reason::incomplete, kSetsMissing);
      damaged_ = true;
      return;
    }
    irap_brings_sps_ = unit_.has_sps;
    if (!active_sps_) {
      drop(Dropped::Reason::before_keyframe, kSetsMissing);
      return;
    }
    leading_at_start_ = !seen_keyframe();
    leading_damaged_ = type != H265Nal::cra || uncertain_ || damaged_;
    damaged_ = uncertain_ = false;
  }
  const bool loss = std::exchange(uncertain_, false);
  damaged_ = damaged_ || loss;
  refresh(loss);
  if (is_rasl(type) && leading_damaged_ && leading_at_start_) {
    drop(Dropped::Reason::before_keyframe, "leads the first keyframe and refers to what came before it");
    return;
  }
  frame.reference_lost = damaged_ || (is_rasl(type) && leading_damaged_);
  deliver_sample(frame);
}

StreamConfig H265Depacketizer::make_config() const {
  StreamConfig out;
  if (active_sps_) {
    out.width = active_sps_->width;
    out.height = active_sps_->height;
  }
  out.codec_private = make_hvcc(sets_);
  return out;
}

}  // namespace rtpx
