#include "codec/h264_parameters.hpp"

#include <algorithm>

namespace rtpx {
namespace {

bool has_chroma_info(std::uint8_t profile) noexcept {
  constexpr std::uint8_t kProfiles[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
  return std::ranges::find(kProfiles, profile) != std::end(kProfiles);
}

// Section 7.3.2.1.1.1
void skip_scaling_list(BitReader& in, int size) {
  std::int32_t last = 8, next = 8;
  for (int i = 0; i < size && in.ok(); ++i) {
    if (next != 0) next = (last + in.se() % 256 + 256) % 256;
    last = next == 0 ? last : next;
  }
}

void read_chroma_info(BitReader& in, H264Sps& sps) {
  sps.chroma_format_idc = in.ue();
  if (sps.chroma_format_idc == 3) sps.separate_colour_plane = in.bit();
  sps.bit_depth_luma = 8 + in.ue();
  sps.bit_depth_chroma = 8 + in.ue();
  in.skip(1);     // qpprime_y_zero_transform_bypass_flag
  if (!in.bit())  // seq_scaling_matrix_present_flag
    return;
  const int lists = sps.chroma_format_idc == 3 ? 12 : 8;
  for (int i = 0; i < lists; ++i)
    if (in.bit()) skip_scaling_list(in, i < 6 ? 16 : 64);
}

void skip_order_count(BitReader& in) {
  const std::uint32_t type = in.ue();  // pic_order_cnt_type
  if (type == 0) in.ue();              // log2_max_pic_order_cnt_lsb_minus4
  if (type != 1) return;
  in.skip(1);  // delta_pic_order_always_zero_flag
  in.se();     // offset_for_non_ref_pic
  in.se();     // offset_for_top_to_bottom_field
  for (std::uint32_t left = in.ue(); left > 0 && in.ok(); --left) in.se();
}

bool read_size(BitReader& in, H264Sps& sps) {
  std::int64_t width = (std::int64_t{in.ue()} + 1) * 16;
  std::int64_t height = (std::int64_t{in.ue()} + 1) * 16;
  sps.frame_mbs_only = in.bit();
  if (!sps.frame_mbs_only) {
    height *= 2;
    in.skip(1);  // mb_adaptive_frame_field_flag
  }
  in.skip(1);      // direct_8x8_inference_flag
  if (in.bit()) {  // frame_cropping_flag, section 7.4.2.1.1
    const bool planar = sps.chroma_format_idc != 0 && !sps.separate_colour_plane;
    const std::int64_t unit_x = planar && sps.chroma_format_idc < 3 ? 2 : 1;
    const std::int64_t unit_y = (planar && sps.chroma_format_idc == 1 ? 2 : 1) * (sps.frame_mbs_only ? 1 : 2);
    const std::int64_t left = in.ue(), right = in.ue(), top = in.ue(), bottom = in.ue();
    width -= (left + right) * unit_x;
    height -= (top + bottom) * unit_y;
  }
  if (width <= 0 || height <= 0 || width > 65535 || height > 65535) return false;
  sps.width = static_cast<int>(width);
  sps.height = static_cast<int>(height);
  return true;
}

}  // namespace

std::optional<H264Sps> parse_h264_sps(Bytes nal) {
  const auto rbsp = unescape_nal(nal);
  BitReader in(rbsp);
  H264Sps out;
  in.skip(8);  // NAL unit header
  out.profile_idc = static_cast<std::uint8_t>(in.bits(8));
  out.constraints = static_cast<std::uint8_t>(in.bits(8));
  out.level_idc = static_cast<std::uint8_t>(in.bits(8));
  out.id = in.ue();
  if (has_chroma_info(out.profile_idc)) read_chroma_info(in, out);
  out.frame_num_bits = 4 + in.ue();
  skip_order_count(in);
  in.ue();     // max_num_ref_frames
  in.skip(1);  // gaps_in_frame_num_value_allowed_flag
  if (!read_size(in, out) || !in.ok()) return std::nullopt;
  if (out.id > 31 || out.frame_num_bits > 16 || out.chroma_format_idc > 3 || out.bit_depth_luma > 14 ||
      out.bit_depth_chroma > 14)
    return std::nullopt;
  return out;
}

std::optional<H264Pps> parse_h264_pps(Bytes nal) {
  const NalHead head(nal);
  BitReader in(head.bytes());
  in.skip(8);
  H264Pps out;
  out.id = in.ue();
  out.sps_id = in.ue();
  if (!in.ok() || out.id > 255 || out.sps_id > 31) return std::nullopt;
  return out;
}

std::optional<std::uint32_t> h264_parameter_set_id(Bytes nal) {
  const H264Nal type = nal.empty() ? H264Nal::filler : h264_type(nal[0]);
  if (type == H264Nal::sps)
    if (const auto sps = parse_h264_sps(nal)) return sps->id;
  if (type == H264Nal::pps)
    if (const auto pps = parse_h264_pps(nal)) return pps->id;
  return std::nullopt;
}

std::optional<H264Slice> parse_h264_slice(Bytes nal) {
  const NalHead head(nal);
  BitReader in(head.bytes());
  in.skip(8);
  H264Slice out;
  out.first_mb = in.ue();
  out.type = in.ue();
  out.pps_id = in.ue();
  if (!in.ok() || out.type > 9 || out.pps_id > 255) return std::nullopt;
  return out;
}

std::optional<std::uint32_t> h264_frame_num(Bytes nal, const H264Sps& sps) {
  const NalHead head(nal);
  BitReader in(head.bytes());
  in.skip(8);
  in.ue();  // first_mb_in_slice
  in.ue();  // slice_type
  in.ue();  // pic_parameter_set_id
  if (sps.separate_colour_plane) in.skip(2);
  const auto out = static_cast<std::uint32_t>(in.bits(sps.frame_num_bits));
  if (!in.ok()) return std::nullopt;
  return out;
}

std::optional<std::uint8_t> h264_temporal_layer(Bytes prefix_nal) noexcept {
  if (prefix_nal.size() < 4 || (prefix_nal[1] & std::byte{0x80}) == std::byte{0}) return std::nullopt;  // MVC
  return static_cast<std::uint8_t>(static_cast<std::uint8_t>(prefix_nal[3]) >> 5);
}

std::optional<std::uint32_t> h264_recovery_point(Bytes nal) {
  const auto message = recovery_point_message(nal, 1);
  if (!message) return std::nullopt;
  BitReader in(*message);
  const std::uint32_t count = in.ue();
  return in.ok() ? std::optional(count) : std::nullopt;
}

std::vector<std::byte> make_avcc(const ParameterSets& sets) {
  constexpr auto kSps = static_cast<std::uint8_t>(H264Nal::sps),
                 kPps = static_cast<std::uint8_t>(H264Nal::pps);
  const auto count = [&](std::uint8_t kind) {
    return std::ranges::count(sets.entries(), kind, &ParameterSets::Entry::kind);
  };
  if (count(kSps) == 0) return {};
  const ParameterSets::Entry& first = *std::ranges::find(sets.entries(), kSps, &ParameterSets::Entry::kind);
  const auto sps = parse_h264_sps(first.nal);
  if (!sps) return {};
  std::vector<std::byte> out;
  const auto put = [&](std::uint32_t value) { out.push_back(static_cast<std::byte>(value)); };
  const auto put_all = [&](std::uint8_t kind, std::ptrdiff_t limit) {
    for (const auto& entry : sets.entries()) {
      if (entry.kind != kind || limit-- <= 0) continue;
      put(static_cast<std::uint32_t>(entry.nal.size() >> 8));
      put(static_cast<std::uint32_t>(entry.nal.size()));
      out.insert(out.end(), entry.nal.begin(), entry.nal.end());
    }
  };
  put(1);  // configurationVersion
  put(sps->profile_idc);
  put(sps->constraints);
  put(sps->level_idc);
  put(0xFC | 3);  // lengthSizeMinusOne
  put(0xE0 | static_cast<std::uint32_t>(std::min<std::ptrdiff_t>(count(kSps), 31)));
  put_all(kSps, 31);
  put(static_cast<std::uint32_t>(std::min<std::ptrdiff_t>(count(kPps), 255)));
  put_all(kPps, 255);
  if (has_chroma_info(sps->profile_idc)) {
    put(0xFC | sps->chroma_format_idc);
    put(0xF8 | (sps->bit_depth_luma - 8));
    put(0xF8 | (sps->bit_depth_chroma - 8));
    put(0);  // numOfSequenceParameterSetExt
  }
  return out;
}

}  // namespace rtpx
