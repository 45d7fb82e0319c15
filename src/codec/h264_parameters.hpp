#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "codec/nal.hpp"

namespace rtpx {

/// NAL unit types, H.264 table 7-1 and RFC 6184 table 1.
enum class H264Nal : std::uint8_t {
  slice = 1,
  partition_a = 2,
  idr = 5,
  sei = 6,
  sps = 7,
  pps = 8,
  access_unit_delimiter = 9,
  end_of_sequence = 10,
  end_of_stream = 11,
  filler = 12,
  prefix = 14,
  stap_a = 24,
  fu_a = 28,
};
[[nodiscard]] inline H264Nal h264_type(std::byte nal_header) noexcept {
  return static_cast<H264Nal>(static_cast<std::uint8_t>(nal_header) & 0x1FU);
}

/// Sequence parameter set, H.264 section 7.3.2.1.1: what containers and loss tracking need of it.
struct H264Sps {
  std::uint8_t profile_idc = 0, constraints = 0, level_idc = 0;
  std::uint32_t id = 0;  ///< 0..31
  std::uint32_t chroma_format_idc = 1, bit_depth_luma = 8, bit_depth_chroma = 8;
  bool separate_colour_plane = false;
  unsigned frame_num_bits = 4;  ///< 4..16
  bool frame_mbs_only = true;
  int width = 0, height = 0;  ///< in pixels, cropped
};
[[nodiscard]] std::optional<H264Sps> parse_h264_sps(Bytes nal);

struct H264Pps {
  std::uint32_t id = 0, sps_id = 0;  ///< 0..255, 0..31
};
[[nodiscard]] std::optional<H264Pps> parse_h264_pps(Bytes nal);

/// The id of an SPS or PPS; nullopt: another NAL unit, or one that cannot be read.
[[nodiscard]] std::optional<std::uint32_t> h264_parameter_set_id(Bytes nal);

/// The start of a slice header, section 7.3.3; frame_num needs the SPS (frame_num_of).
struct H264Slice {
  std::uint32_t first_mb = 0, type = 0, pps_id = 0;
};
[[nodiscard]] std::optional<H264Slice> parse_h264_slice(Bytes nal);
[[nodiscard]] std::optional<std::uint32_t> h264_frame_num(Bytes nal, const H264Sps& sps);

/// temporal_id of a prefix NAL unit, section G.7.3.1.1; nullopt: it has none.
[[nodiscard]] std::optional<std::uint8_t> h264_temporal_layer(Bytes prefix_nal) noexcept;

/// recovery_frame_cnt of a recovery point SEI message (section D.1.8), if the SEI NAL unit has one.
[[nodiscard]] std::optional<std::uint32_t> h264_recovery_point(Bytes nal);

/// AVCDecoderConfigurationRecord, ISO/IEC 14496-15 section 5.3.3.1, with 4-byte lengths. Empty without an
/// SPS.
[[nodiscard]] std::vector<std::byte> make_avcc(const ParameterSets& sets);

}  // namespace rtpx
