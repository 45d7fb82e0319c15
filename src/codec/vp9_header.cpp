#include "codec/vp9_header.hpp"

#include <algorithm>

namespace rtpx {
namespace {

constexpr std::uint8_t kRgb = 7;

void read_color_config(BitReader& in, Vp9Header& out) {  // color_config()
  if (out.profile >= 2) out.bit_depth = in.bit() ? 12 : 10;
  out.color_space = static_cast<std::uint8_t>(in.bits(3));
  const bool odd_profile = out.profile % 2 == 1;
  out.full_range = out.color_space == kRgb || in.bit();
  if (out.color_space == kRgb)
    out.subsampling_x = out.subsampling_y = false;
  else if (odd_profile) {
    out.subsampling_x = in.bit();
    out.subsampling_y = in.bit();
  }
  if (odd_profile) in.skip(1);  // reserved_zero
}

Vp9Size read_size(BitReader& in) {  // frame_size()
  const int width = static_cast<int>(in.bits(16)) + 1;
  return {width, static_cast<int>(in.bits(16)) + 1};
}

bool read_sync_code(BitReader& in) {
  return in.bits(24) == 0x498342;
}

// Everything after error_resilient_mode of a frame that is no keyframe.
bool read_inter(BitReader& in, Vp9Header& out, bool error_resilient) {
  out.intra_only = !out.shown && in.bit();
  if (!error_resilient) in.skip(2);  // reset_frame_context
  if (out.intra_only) {
    if (!read_sync_code(in)) return false;
    if (out.profile > 0) read_color_config(in, out);
    out.refreshes = static_cast<std::uint8_t>(in.bits(8));
    out.size = read_size(in);
    return true;
  }
  out.refreshes = static_cast<std::uint8_t>(in.bits(8));
  std::array<std::uint8_t, 3> slots{};
  for (std::uint8_t& slot : slots) {
    slot = static_cast<std::uint8_t>(in.bits(3));
    in.skip(1);  // ref_frame_sign_bias
  }
  for (const std::uint8_t slot : slots) {  // frame_size_with_refs()
    if (!in.bit()) continue;
    out.size_from_slot = slot;
    return true;
  }
  out.size = read_size(in);
  return true;
}

// Annex A: largest luma picture and luma sample rate of each level.
std::uint8_t level_of(Vp9Size size) {
  struct Level {
    std::uint8_t level;
    std::int64_t picture, rate;
  };
  constexpr Level kLevels[] = {{10, 36864, 829440},      {11, 73728, 2764800},      {20, 122880, 4608000},
                               {21, 245760, 9216000},    {30, 552960, 20736000},    {31, 983040, 36864000},
                               {40, 2228224, 83558400},  {41, 2228224, 160432128},  {50, 8912896, 311951360},
                               {51, 8912896, 588251136}, {60, 35651584, 1176502272}};
  const std::int64_t picture = std::int64_t{size.width} * size.height;
  for (const Level& level : kLevels)
    if (picture <= level.picture && picture * 30 <= level.rate) return level.level;
  return 62;
}

}  // namespace

std::optional<Vp9Header> parse_vp9_header(Bytes frame) noexcept {
  BitReader in(frame);
  Vp9Header out;
  if (in.bits(2) != 2) return std::nullopt;  // frame_marker
  out.profile = in.bit() ? 1 : 0;
  if (in.bit()) out.profile += 2;
  if (out.profile == 3) in.skip(1);
  out.shows_existing = in.bit();
  if (out.shows_existing) {
    out.shown_slot = static_cast<std::uint8_t>(in.bits(3));
    return in.ok() ? std::optional(out) : std::nullopt;
  }
  out.keyframe = !in.bit();
  out.shown = in.bit();
  const bool error_resilient = in.bit();
  bool well = true;
  if (out.keyframe) {
    well = read_sync_code(in);
    read_color_config(in, out);
    out.size = read_size(in);
    out.refreshes = 0xFF;
  } else {
    well = read_inter(in, out, error_resilient);
  }
  if (!well || !in.ok()) return std::nullopt;
  return out;
}

Vp9Size Vp9Sizes::next(const Vp9Header& frame) noexcept {
  if (frame.shows_existing) return slots_[frame.shown_slot];
  const Vp9Size size = frame.size.value_or(slots_[frame.size_from_slot]);
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if ((frame.refreshes >> slot & 1U) != 0) slots_[slot] = size;
  return size;
}

namespace {

void skip_optional(BitReader& in, int times, unsigned bits) {
  for (int i = 0; i < times; ++i)
    if (in.bit()) in.skip(bits);
}

void skip_segmentation(BitReader& in) {  // segmentation_params()
  if (!in.bit()) return;
  if (in.bit()) {  // segmentation_update_map
    skip_optional(in, 7, 8);
    if (in.bit()) skip_optional(in, 3, 8);  // segmentation_temporal_update
  }
  if (!in.bit()) return;  // segmentation_update_data
  in.skip(1);
  for (int segment = 0; segment < 8; ++segment)
    for (const unsigned bits : {8U + 1U, 6U + 1U, 2U, 0U}) skip_optional(in, 1, bits);
}

void skip_tiles(BitReader& in, int width) {  // tile_info()
  const int columns = (width + 63) / 64;
  int least = 0, most = 1;
  while (64 << least < columns) ++least;
  while (columns >> most >= 4) ++most;
  while (least < most - 1 && in.bit()) ++least;
  if (in.bit()) in.skip(1);
}

// The rest of uncompressed_header() after the reference frames and sizes, with its 16 bits of
// header_size_in_bytes.
void skip_after_size(BitReader& in, bool error_resilient, int width) {
  if (!error_resilient) in.skip(2);
  in.skip(2);      // frame_context_idx
  in.skip(6 + 3);  // loop_filter_params()
  if (in.bit() && in.bit()) skip_optional(in, 6, 7);
  in.skip(8);  // quantization_params()
  skip_optional(in, 3, 5);
  skip_segmentation(in);
  skip_tiles(in, width);
  in.skip(16);
}

// Bits of the uncompressed header of a shown frame; 0: it is cut.
std::size_t header_bits(Bytes frame, const Vp9Header& header, std::size_t show_frame_at, int width) {
  BitReader in(frame);
  in.skip(show_frame_at + 1);
  const bool error_resilient = in.bit();
  Vp9Header copy = header;
  if (header.keyframe) {
    in.skip(24);
    read_color_config(in, copy);
    in.skip(32);
  } else {
    if (!error_resilient) in.skip(2);
    in.skip(8 + 3 * 4);
    bool found = false;
    for (int i = 0; i < 3 && !found; ++i) found = in.bit();
    if (!found) in.skip(32);
  }
  if (in.bit()) in.skip(32);  // render_size()
  if (!header.keyframe) {
    in.skip(1);                 // allow_high_precision_mv
    if (!in.bit()) in.skip(2);  // read_interpolation_filter()
  }
  skip_after_size(in, error_resilient, width);
  return in.ok() ? in.position() : 0;
}

}  // namespace

bool hide_vp9_frame(Bytes frame, int width, std::vector<std::byte>& out) {
  const auto header = parse_vp9_header(frame);
  if (!header || header->shows_existing || !header->shown) return false;
  const std::size_t show_frame_at = header->profile == 3 ? 7 : 6;
  const std::size_t bits = header_bits(frame, *header, show_frame_at, width);
  if (bits == 0) return false;
  const std::size_t more = header->keyframe ? 0 : 1;  // intra_only, after error_resilient_mode
  const std::size_t inserted_at = show_frame_at + 2;
  out.assign((bits + more + 7) / 8, std::byte{0});
  for (std::size_t i = 0; i < bits; ++i) {
    const bool bit = (static_cast<unsigned>(frame[i / 8]) >> (7 - i % 8) & 1U) != 0 && i != show_frame_at;
    const std::size_t to = i < inserted_at ? i : i + more;
    if (bit) out[to / 8] |= static_cast<std::byte>(0x80U >> to % 8);
  }
  const Bytes rest = frame.subspan((bits + 7) / 8);
  out.insert(out.end(), rest.begin(), rest.end());
  return true;
}

std::vector<std::byte> make_vpcc(const Vp9Header& keyframe, Vp9Size size) {
  // chroma_subsampling: 0 4:2:0 vertical, 1 4:2:0 colocated, 2 4:2:2, 3 4:4:4
  const unsigned chroma = keyframe.subsampling_x ? (keyframe.subsampling_y ? 1U : 2U) : 3U;
  // color_space of VP9 (section 7.2.2) as the code points of ISO/IEC 23091-2, 2: unspecified
  constexpr std::array<std::uint8_t, 8> kPrimaries{2, 6, 1, 6, 7, 9, 2, 1};
  constexpr std::array<std::uint8_t, 8> kTransfer{2, 6, 1, 6, 7, 14, 2, 13};
  constexpr std::array<std::uint8_t, 8> kMatrix{2, 6, 1, 6, 7, 9, 2, 0};
  std::vector<std::byte> out;
  const auto put = [&](unsigned value) { out.push_back(static_cast<std::byte>(value)); };
  put(1);                              // version
  for (int i = 0; i < 3; ++i) put(0);  // flags
  put(keyframe.profile);
  put(level_of(size));
  put(keyframe.bit_depth * 16U | chroma << 1 | (keyframe.full_range ? 1U : 0U));
  put(kPrimaries[keyframe.color_space]);
  put(kTransfer[keyframe.color_space]);
  put(kMatrix[keyframe.color_space]);
  put(0);  // codecInitializationDataSize
  put(0);
  return out;
}

}  // namespace rtpx
