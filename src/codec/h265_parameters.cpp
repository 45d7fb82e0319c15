#include "codec/h265_parameters.hpp"

#include <algorithm>

namespace rtpx {
namespace {

constexpr std::size_t kHeaderBits = 16;  // NAL unit header

// Section 7.3.3, after the general part: what each sub-layer says of itself.
void skip_sub_layers(BitReader& in, int sub_layers) {
  std::array<bool, 8> profile{}, level{};
  for (int i = 0; i < sub_layers - 1; ++i) {
    profile[static_cast<std::size_t>(i)] = in.bit();
    level[static_cast<std::size_t>(i)] = in.bit();
  }
  if (sub_layers > 1) in.skip(static_cast<std::size_t>(9 - sub_layers) * 2);  // reserved_zero_2bits
  for (int i = 0; i < sub_layers - 1; ++i) {
    if (profile[static_cast<std::size_t>(i)]) in.skip(88);
    if (level[static_cast<std::size_t>(i)]) in.skip(8);
  }
}

bool read_size(BitReader& in, H265Sps& sps, bool separate_colour_plane) {
  std::int64_t width = in.ue(), height = in.ue();
  if (in.bit()) {  // conformance_window_flag
    const bool planar = sps.chroma_format_idc != 0 && !separate_colour_plane;
    const std::int64_t unit_x = planar && sps.chroma_format_idc < 3 ? 2 : 1;
    const std::int64_t unit_y = planar && sps.chroma_format_idc == 1 ? 2 : 1;
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

std::optional<H265Header> parse_h265_header(Bytes nal) noexcept {
  if (nal.size() < 2) return std::nullopt;
  const auto head = load_be<std::uint16_t>(nal.data());
  H265Header out;
  out.type = static_cast<H265Nal>(head >> 9 & 0x3F);
  out.layer = head >> 3 & 0x3F;
  out.temporal_id = static_cast<std::uint8_t>(std::max(head & 7, 1) - 1);
  return out;
}

std::optional<H265Sps> parse_h265_sps(Bytes nal) {
  const auto rbsp = unescape_nal(nal);
  BitReader in(rbsp);
  H265Sps out;
  in.skip(kHeaderBits);
  out.vps_id = static_cast<std::uint32_t>(in.bits(4));
  out.sub_layers = static_cast<std::uint8_t>(in.bits(3) + 1);
  out.temporal_id_nested = in.bit();
  for (std::byte& b : out.profile_tier_level) b = static_cast<std::byte>(in.bits(8));
  if (out.sub_layers > 7) return std::nullopt;
  skip_sub_layers(in, out.sub_layers);
  out.id = in.ue();
  out.chroma_format_idc = in.ue();
  out.separate_colour_plane = out.chroma_format_idc == 3 && in.bit();
  if (!read_size(in, out, out.separate_colour_plane)) return std::nullopt;
  out.bit_depth_luma = 8 + in.ue();
  out.bit_depth_chroma = 8 + in.ue();
  out.poc_lsb_bits = 4 + in.ue();
  if (!in.ok() || out.id > 15 || out.chroma_format_idc > 3 || out.bit_depth_luma > 15 ||
      out.bit_depth_chroma > 15 || out.poc_lsb_bits > 16)
    return std::nullopt;
  return out;
}

std::optional<std::uint32_t> h265_parameter_set_id(Bytes nal) {
  const auto header = parse_h265_header(nal);
  if (!header) return std::nullopt;
  if (header->type == H265Nal::sps) {
    const auto sps = parse_h265_sps(nal);
    return sps ? std::optional(sps->id) : std::nullopt;
  }
  const NalHead head(nal);
  BitReader in(head.bytes());
  in.skip(kHeaderBits);
  const auto id = header->type == H265Nal::vps ? static_cast<std::uint32_t>(in.bits(4)) : in.ue();
  if (!in.ok() || id > (header->type == H265Nal::vps ? 15U : 63U)) return std::nullopt;
  return id;
}

std::optional<std::uint32_t> h265_slice_pps(Bytes nal) {
  const auto header = parse_h265_header(nal);
  const NalHead head(nal);
  BitReader in(head.bytes());
  in.skip(kHeaderBits + 1);  // first_slice_segment_in_pic_flag
  if (header && is_irap(header->type)) in.skip(1);
  const std::uint32_t id = in.ue();
  if (!in.ok() || id > 63) return std::nullopt;
  return id;
}

std::optional<H265Pps> parse_h265_pps(Bytes nal) {
  const NalHead head(nal);
  BitReader in(head.bytes());
  H265Pps out;
  in.skip(kHeaderBits);
  out.id = in.ue();
  out.sps_id = in.ue();
  in.skip(1);  // dependent_slice_segments_enabled_flag
  out.output_flag_present = in.bit();
  out.extra_slice_header_bits = static_cast<std::uint8_t>(in.bits(3));
  if (!in.ok() || out.id > 63 || out.sps_id > 15) return std::nullopt;
  return out;
}

std::optional<std::uint32_t> h265_poc_lsb(Bytes nal, const H265Sps& sps, const H265Pps& pps) {
  const NalHead head(nal);
  BitReader in(head.bytes());
  in.skip(kHeaderBits + 1);  // first_slice_segment_in_pic_flag
  if (const auto header = parse_h265_header(nal); header && is_irap(header->type)) in.skip(1);
  in.ue();  // slice_pic_parameter_set_id
  in.skip(pps.extra_slice_header_bits);
  in.ue();  // slice_type
  in.skip((pps.output_flag_present ? 1U : 0U) + (sps.separate_colour_plane ? 2U : 0U));
  const auto lsb = static_cast<std::uint32_t>(in.bits(sps.poc_lsb_bits));
  return in.ok() ? std::optional(lsb) : std::nullopt;
}

std::optional<std::int32_t> h265_recovery_point(Bytes nal) {
  const auto message = recovery_point_message(nal, kHeaderBits / 8);
  if (!message) return std::nullopt;
  BitReader in(*message);
  const std::int32_t count = in.se();
  return in.ok() ? std::optional(count) : std::nullopt;
}

std::vector<std::byte> make_hvcc(const ParameterSets& sets) {
  constexpr auto kSps = static_cast<std::uint8_t>(H265Nal::sps);
  const auto first = std::ranges::find(sets.entries(), kSps, &ParameterSets::Entry::kind);
  const auto sps = first == sets.entries().end() ? std::nullopt : parse_h265_sps(first->nal);
  if (!sps) return {};
  std::vector<std::byte> out;
  const auto put = [&](std::size_t value) { out.push_back(static_cast<std::byte>(value)); };
  const auto put_16 = [&](std::size_t value) {
    put(value >> 8);
    put(value);
  };
  put(1);  // configurationVersion
  out.insert(out.end(), sps->profile_tier_level.begin(), sps->profile_tier_level.end());
  put_16(0xF000);  // min_spatial_segmentation_idc: unknown
  put(0xFC);       // parallelismType: unknown
  put(0xFC | sps->chroma_format_idc);
  put(0xF8 | (sps->bit_depth_luma - 8));
  put(0xF8 | (sps->bit_depth_chroma - 8));
  put_16(0);  // avgFrameRate: unknown
  put(std::size_t{sps->sub_layers} << 3 | (sps->temporal_id_nested ? 4U : 0U) |
      3U);  // constantFrameRate unknown
  put(3);   // arrays
  for (const H265Nal kind : {H265Nal::vps, H265Nal::sps, H265Nal::pps}) {
    const auto type = static_cast<std::uint8_t>(kind);
    put(0x80U | type);  // array_completeness: the samples hold none, unless they change
    put_16(static_cast<std::size_t>(std::ranges::count(sets.entries(), type, &ParameterSets::Entry::kind)));
    for (const auto& entry : sets.entries()) {
      if (entry.kind != type) continue;
      put_16(entry.nal.size());
      out.insert(out.end(), entry.nal.begin(), entry.nal.end());
    }
  }
  return out;
}

}  // namespace rtpx
