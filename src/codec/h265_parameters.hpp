#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "codec/nal.hpp"

namespace rtpx {

/// NAL unit types, H.265 table 7-1 and RFC 7798 sections 4.4.2 and 4.4.3.
enum class H265Nal : std::uint8_t {
  radl_n = 6,
  rasl_n = 8,
  rasl_r = 9,
  sub_layer_last = 15,
  irap_first = 16,
  bla_last = 18,
  idr_w_radl = 19,
  idr_n_lp = 20,
  cra = 21,
  irap_last = 23,
  vcl_last = 31,
  vps = 32,
  sps = 33,
  pps = 34,
  access_unit_delimiter = 35,
  filler = 38,
  prefix_sei = 39,
  aggregation = 48,
  fragmentation = 49,
  paci = 50,
};
/// The NAL unit header, section 7.3.1.2.
struct H265Header {
  H265Nal type{};
  std::uint8_t layer = 0;        ///< nuh_layer_id
  std::uint8_t temporal_id = 0;  ///< 0..6
};
[[nodiscard]] constexpr bool is_irap(H265Nal type) noexcept {
  return type >= H265Nal::irap_first && type <= H265Nal::irap_last;
}
/// nullopt: fewer than two bytes.
[[nodiscard]] std::optional<H265Header> parse_h265_header(Bytes nal) noexcept;

/// Sequence parameter set, section 7.3.2.2.1.
struct H265Sps {
  std::uint32_t vps_id = 0, id = 0;  ///< 0..15
  std::uint8_t sub_layers = 1;       ///< 1..7
  bool temporal_id_nested = false;
  std::array<std::byte, 12> profile_tier_level{};  ///< the general part, section 7.3.3
  std::uint32_t chroma_format_idc = 1, bit_depth_luma = 8, bit_depth_chroma = 8;
  int width = 0, height = 0;  ///< in pixels, cropped to the conformance window
  bool separate_colour_plane = false;
  std::uint32_t poc_lsb_bits = 4;  ///< of slice_pic_order_cnt_lsb: 4..16
};
[[nodiscard]] std::optional<H265Sps> parse_h265_sps(Bytes nal);
/// The id of a VPS, SPS or PPS; nullopt: out of range or cut.
[[nodiscard]] std::optional<std::uint32_t> h265_parameter_set_id(Bytes nal);
/// The PPS that a slice segment refers to, section 7.3.6.1.
[[nodiscard]] std::optional<std::uint32_t> h265_slice_pps(Bytes nal);
/// The start of a picture parameter set, section 7.3.2.3.1.
struct H265Pps {
  std::uint32_t id = 0, sps_id = 0;  ///< 0..63, 0..15
  bool output_flag_present = false;
  std::uint8_t extra_slice_header_bits = 0;
};
[[nodiscard]] std::optional<H265Pps> parse_h265_pps(Bytes nal);
/// slice_pic_order_cnt_lsb of the first slice segment of a picture that is no IDR picture.
[[nodiscard]] std::optional<std::uint32_t> h265_poc_lsb(Bytes nal, const H265Sps& sps, const H265Pps& pps);
/// recovery_poc_cnt of a recovery point SEI message (section D.3.8), if the SEI NAL unit has one.
[[nodiscard]] std::optional<std::int32_t> h265_recovery_point(Bytes nal);

/// HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 section 8.3.3.1, with 4-byte lengths. Empty without an
/// SPS.
[[nodiscard]] std::vector<std::byte> make_hvcc(const ParameterSets& sets);

}  // namespace rtpx
