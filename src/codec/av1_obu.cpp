#include "codec/av1_obu.hpp"

#include <array>
#include <bit>
#include <tuple>
#include <utility>

namespace rtpx {
namespace {

void skip_uvlc(BitReader& in) {  // section 4.10.3
  unsigned zeros = 0;
  while (in.ok() && !in.bit()) ++zeros;
  if (zeros < 32) in.skip(zeros);
}

// timing_info(), decoder_model_info() and the operating points, section 5.5.1
void read_operating_points(BitReader& in, Av1Sequence& out) {
  unsigned delay_bits = 0;
  bool decoder_model = false;
  if (in.bit()) {  // timing_info_present_flag
    in.skip(64);
    if (in.bit()) skip_uvlc(in);  // equal_picture_interval
    decoder_model = in.bit();
    out.model_in_frames = decoder_model;
    if (decoder_model) {
      delay_bits = static_cast<unsigned>(in.bits(5)) + 1;
      in.skip(32 + 5 + 5);
    }
  }
  const bool initial_delay = in.bit();
  const auto points = static_cast<unsigned>(in.bits(5)) + 1;
  for (unsigned i = 0; i < points; ++i) {
    const auto spatial_layers = static_cast<unsigned>(in.bits(4));  // operating_point_idc: a bit each
    in.skip(8);                                                     // temporal layers
    const auto level = static_cast<std::uint8_t>(in.bits(5));
    const auto tier = static_cast<std::uint8_t>(level > 7 && in.bit() ? 1 : 0);
    if (decoder_model && in.bit()) in.skip(2 * delay_bits + 1);
    if (initial_delay && in.bit()) in.skip(4);
    if (i > 0) continue;
    out.level = level;
    out.tier = tier;
    if (spatial_layers != 0)
      out.top_spatial_layer = static_cast<std::uint8_t>(std::bit_width(spatial_layers) - 1);
  }
}

// Coding tools between the size and the colours.
void read_tools(BitReader& in, Av1Sequence& out) {
  in.skip(3);  // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
  if (!out.reduced_still_picture) {
    in.skip(4);  // interintra, masked compound, warped motion, dual filter
    const bool order_hint = in.bit();
    if (order_hint) in.skip(2);
    out.screen_content_in_frames = in.bit();  // seq_choose_…: SELECT, else seq_force_…
    out.screen_content = out.screen_content_in_frames || in.bit();
    if (out.screen_content) out.integer_mv_in_frames = in.bit();
    if (out.screen_content && !out.integer_mv_in_frames) in.skip(1);
    if (order_hint) out.order_hint_bits = static_cast<std::uint8_t>(in.bits(3) + 1);
  }
  in.skip(3);  // enable_superres, enable_cdef, enable_restoration
}

void read_color_config(BitReader& in, Av1Sequence& out) {  // section 5.5.2
  out.high_bitdepth = in.bit();
  if (out.profile == 2 && out.high_bitdepth) out.twelve_bit = in.bit();
  if (out.profile != 1) out.monochrome = in.bit();
  std::uint32_t description = 0x020202;  // unspecified
  if (in.bit()) description = static_cast<std::uint32_t>(in.bits(24));
  if (out.monochrome) {
    in.skip(1);
    return;
  }
  if (description == 0x010D00) {  // BT.709, sRGB, identity
    out.subsampling_x = out.subsampling_y = false;
    return;
  }
  in.skip(1);  // color_range
  if (out.profile == 1) out.subsampling_x = out.subsampling_y = false;
  if (out.profile == 2) {
    out.subsampling_x = !out.twelve_bit || in.bit();
    out.subsampling_y = out.twelve_bit && out.subsampling_x && in.bit();
  }
  if (out.subsampling_x && out.subsampling_y)
    out.chroma_sample_position = static_cast<std::uint8_t>(in.bits(2));
}

}  // namespace

std::optional<ObuHeader> parse_obu_header(Bytes obu) noexcept {
  ByteReader in(obu);
  const std::uint8_t head = in.u8();
  ObuHeader out;
  out.type = static_cast<ObuType>(head >> 3 & 0x0FU);
  out.has_extension = (head & 0x04U) != 0;
  out.has_size = (head & 0x02U) != 0;
  if (out.has_extension) {
    const std::uint8_t extension = in.u8();
    out.temporal_layer = extension >> 5;
    out.spatial_layer = extension >> 3 & 3U;
    out.size = 2;
  }
  if (!in.ok() || (head & 0x80U) != 0) return std::nullopt;
  return out;
}

std::optional<Leb128> parse_leb128(Bytes bytes) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 8; ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    value |= std::uint64_t{byte & 0x7FU} << (7 * i);
    if ((byte & 0x80U) != 0) continue;
    if (value > 0xFFFFFFFF) return std::nullopt;
    return Leb128{static_cast<std::uint32_t>(value), i + 1};
  }
  return std::nullopt;
}

std::optional<Av1Sequence> parse_av1_sequence(Bytes payload) noexcept {
  BitReader in(payload);
  Av1Sequence out;
  out.profile = static_cast<std::uint8_t>(in.bits(3));
  in.skip(1);  // still_picture
  out.reduced_still_picture = in.bit();
  if (out.reduced_still_picture)
    out.level = static_cast<std::uint8_t>(in.bits(5));
  else
    read_operating_points(in, out);
  out.width_bits = static_cast<std::uint8_t>(in.bits(4) + 1);
  out.height_bits = static_cast<std::uint8_t>(in.bits(4) + 1);
  out.width = static_cast<int>(in.bits(out.width_bits)) + 1;
  out.height = static_cast<int>(in.bits(out.height_bits)) + 1;
  if (!out.reduced_still_picture) out.ids_in_frames = in.bit();
  if (out.ids_in_frames) in.skip(4 + 3);
  read_tools(in, out);
  read_color_config(in, out);
  if (!in.ok() || out.profile > 2) return std::nullopt;
  return out;
}

std::optional<Av1FrameHeader> parse_av1_frame_header(Bytes payload, const Av1Sequence& sequence) noexcept {
  if (payload.empty()) return std::nullopt;
  if (sequence.reduced_still_picture) return Av1FrameHeader{.keyframe = true, .shown = true};
  BitReader in(payload);
  Av1FrameHeader out;
  out.shows_existing = in.bit();
  if (out.shows_existing) return out;
  constexpr unsigned kKey = 0, kIntraOnly = 2, kSwitch = 3;
  const auto type = static_cast<unsigned>(in.bits(2));
  out.keyframe = type == kKey;
  out.shown = in.bit();
  if (sequence.model_in_frames || sequence.ids_in_frames) return out;
  const bool anew = type == kSwitch || (out.keyframe && out.shown);
  if (!out.shown) in.skip(1);  // showable_frame
  const bool error_resilient = anew || in.bit();
  in.skip(1);  // disable_cdf_update
  const bool screen_content = sequence.screen_content_in_frames ? in.bit() : sequence.screen_content;
  if (screen_content && sequence.integer_mv_in_frames) in.skip(1);
  const bool own_size = type == kSwitch || in.bit();
  in.skip(sequence.order_hint_bits);
  if (!out.keyframe && type != kIntraOnly && !error_resilient) in.skip(3);  // primary_ref_frame
  const auto refreshes = anew ? std::uint8_t{0xFF} : static_cast<std::uint8_t>(in.bits(8));
  if (in.ok()) out.refreshes = refreshes;
  if (!out.keyframe || !out.shown) return out;
  const int width = own_size ? static_cast<int>(in.bits(sequence.width_bits)) + 1 : sequence.width;
  const int height = own_size ? static_cast<int>(in.bits(sequence.height_bits)) + 1 : sequence.height;
  if (in.ok()) std::tie(out.width, out.height) = std::pair(width, height);
  return out;
}

std::vector<std::byte> make_av1c(const Av1Sequence& s, Bytes sequence_obu) {
  const auto bit = [](bool set, int at) { return set ? 1 << at : 0; };
  const std::array<std::byte, 4> head{
      std::byte{0x81},  // marker, version 1
      static_cast<std::byte>(s.profile << 5 | s.level),
      static_cast<std::byte>(s.tier << 7 | bit(s.high_bitdepth, 6) | bit(s.twelve_bit, 5) |
                             bit(s.monochrome, 4) | bit(s.subsampling_x, 3) | bit(s.subsampling_y, 2) |
                             s.chroma_sample_position),
      std::byte{0}};  // no initial_presentation_delay
  std::vector<std::byte> out(head.size() + sequence_obu.size());
  std::memcpy(out.data(), head.data(), head.size());
  if (!sequence_obu.empty()) std::memcpy(out.data() + head.size(), sequence_obu.data(), sequence_obu.size());
  return out;
}

}  // namespace rtpx
