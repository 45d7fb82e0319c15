#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

/// obu_type, AV1 bitstream specification section 6.2.2.
enum class ObuType : std::uint8_t {
  sequence_header = 1,
  temporal_delimiter = 2,
  frame_header = 3,
  tile_group = 4,
  metadata = 5,
  frame = 6,
  redundant_frame_header = 7,
  tile_list = 8,
  padding = 15,
};

/// An OBU's header, sections 5.3.2 and 5.3.3.
struct ObuHeader {
  ObuType type{};
  bool has_extension = false, has_size = false;
  std::uint8_t temporal_layer = 0, spatial_layer = 0;
  std::size_t size = 1;  ///< of the header itself, without obu_size
};
/// nullopt: cut, or the forbidden bit is set.
[[nodiscard]] std::optional<ObuHeader> parse_obu_header(Bytes obu) noexcept;

/// leb128(), section 4.10.5. nullopt: cut, or over 32 bits.
struct Leb128 {
  std::uint32_t value = 0;
  std::size_t size = 0;  ///< bytes that it took, 1..8
};
[[nodiscard]] std::optional<Leb128> parse_leb128(Bytes bytes) noexcept;

/// Sequence header, section 5.5.
struct Av1Sequence {
  std::uint8_t profile = 0, level = 0, tier = 0;  ///< of operating point 0
  std::uint8_t top_spatial_layer = 0;             ///< of the same
  bool reduced_still_picture = false;
  int width = 0, height = 0;                     ///< of the largest frame
  std::uint8_t width_bits = 0, height_bits = 0;  ///< of sizes in frame headers
  bool high_bitdepth = false, twelve_bit = false, monochrome = false;
  bool subsampling_x = true, subsampling_y = true;
  std::uint8_t chroma_sample_position = 0;
  // What frame headers hold:
  bool model_in_frames = false, ids_in_frames = false;
  bool screen_content_in_frames = false, screen_content = false, integer_mv_in_frames = false;
  std::uint8_t order_hint_bits = 0;
};
[[nodiscard]] std::optional<Av1Sequence> parse_av1_sequence(Bytes payload) noexcept;

/// The start of a frame header, section 5.9.2.
struct Av1FrameHeader {
  bool shows_existing = false, keyframe = false, shown = false;
  /// Bit mask of the reference slots that this frame goes to; nullopt: cut, or not read (a decoder model or
  /// frame ids stand before it).
  std::optional<std::uint8_t> refreshes;
  /// Of a shown keyframe, before superres; 0: not read, as above.
  int width = 0, height = 0;
};
[[nodiscard]] std::optional<Av1FrameHeader> parse_av1_frame_header(Bytes payload,
                                                                   const Av1Sequence& sequence) noexcept;

/// Body of an av1C box (AV1 Codec ISO Media File Format Binding, section 2.3). `sequence_obu`: the sequence
/// header OBU with its size field.
[[nodiscard]] std::vector<std::byte> make_av1c(const Av1Sequence& sequence, Bytes sequence_obu);

}  // namespace rtpx
