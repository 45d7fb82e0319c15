#include "codec/vp8_hold_frame.hpp"

#include "codec/vp8.hpp"
#include "codec/vp8_bool_coder.hpp"

namespace rtpx {
namespace {

/// coeff_update_probs of RFC 6386 section 13.4, a row for each block type, band and context; a row's end that
/// is left out, and 0, stand for 255.
constexpr std::uint8_t kTokenUpdates[4 * 8 * 3][11] = {  // clang-format off
    {}, {}, {}, {176, 246}, {223, 241, 252}, {249, 253, 253}, {255, 244, 252}, {234, 254, 254}, {253},
    {255, 246, 254}, {239, 253, 254}, {254, 255, 254}, {255, 248, 254}, {251, 255, 254}, {},
    {255, 253, 254}, {251, 254, 254}, {254, 255, 254}, {255, 254, 253, 255, 254},
    {250, 255, 254, 255, 254}, {254}, {}, {}, {}, {217}, {225, 252, 241, 253, 255, 255, 254},
    {234, 250, 241, 250, 253, 255, 253, 254}, {255, 254}, {223, 254, 254}, {238, 253, 254, 254},
    {255, 248, 254}, {249, 254}, {}, {255, 253}, {247, 254}, {}, {255, 253, 254}, {252}, {},
    {255, 254, 254}, {253}, {}, {255, 254, 253}, {250}, {254}, {}, {}, {}, {186, 251, 250},
    {234, 251, 244, 254}, {251, 251, 243, 253, 254, 255, 254}, {255, 253, 254}, {236, 253, 254},
    {251, 253, 253, 254, 254}, {255, 254, 254}, {254, 254, 254}, {}, {255, 254}, {254, 254}, {254}, {},
    {254}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {248}, {250, 254, 252, 254}, {248, 254, 249, 253},
    {255, 253, 253}, {246, 253, 253}, {252, 254, 251, 254, 254}, {255, 254, 252}, {248, 254, 253},
    {253, 255, 254, 254}, {255, 251, 254}, {245, 251, 254}, {253, 253, 254}, {255, 251, 253},
    {252, 253, 254}, {255, 254}, {255, 252}, {249, 255, 254}, {255, 255, 254}, {255, 255, 253}, {250}, {},
    {}, {254}, {}};  // clang-format on

/// mv_update_probs, section 17.2.
constexpr std::uint8_t kVectorUpdates[2][19] = {
    {237, 246, 253, 253, 254, 254, 254, 254, 254, 254, 254, 254, 254, 254, 250, 250, 252, 254, 254},
    {231, 243, 245, 253, 254, 254, 254, 254, 254, 254, 254, 254, 254, 254, 251, 251, 254, 254, 254}};

/// Probability that a macroblock's vector is zero, with as many votes of its neighbours for that
/// (mode_contexts, section 16.3).
constexpr std::uint8_t kZeroVector[] = {7, 14, 135, 60, 159, 234};

void skip_optional(Vp8BoolDecoder& in, int times, int bits) {
  for (int i = 0; i < times; ++i)
    if (in.read()) in.literal(bits);
}

/// What a frame header says of buffers, section 9.7 and 19.2.
struct References {
  bool segmented = false;
  bool to_golden = true, to_altref = true, to_last = true;
  unsigned golden_from = 0, altref_from = 0;  ///< copies; 1: last, 2: the other one
};

References read_references(Bytes first_partition, bool keyframe) {
  Vp8BoolDecoder in(first_partition);
  References out;
  if (keyframe) in.literal(2);  // color_space, clamping_type
  out.segmented = in.read();
  if (out.segmented) {
    const bool update_map = in.read();
    if (in.read()) {  // update_segment_feature_data
      in.literal(1);
      skip_optional(in, 4, 7 + 1);
      skip_optional(in, 4, 6 + 1);
    }
    if (update_map) skip_optional(in, 3, 8);
  }
  in.literal(1 + 6 + 3);                                    // filter type, level, sharpness
  if (in.read() && in.read()) skip_optional(in, 8, 6 + 1);  // adjustments of the filter
  in.literal(2 + 7);                                        // partitions, y_ac_qi
  skip_optional(in, 5, 4 + 1);
  if (keyframe) return out;
  out.to_golden = in.read();
  out.to_altref = in.read();
  if (!out.to_golden) out.golden_from = in.literal(2);
  if (!out.to_altref) out.altref_from = in.literal(2);
  in.literal(2 + 1);  // sign biases, refresh_entropy_probs
  out.to_last = in.read();
  return out;
}

/// The header of the frame, section 19.2; `buffer` 0: last, 1: golden, 2: altref.
void write_header(Vp8BoolEncoder& out, bool segmented, unsigned buffer) {
  out.write(segmented);
  if (segmented) out.literal(0, 2);  // segments stay as they are
  out.literal(0, 1 + 6 + 3);         // no loop filter
  out.literal(0, 1);                 // no adjustments of it
  out.literal(0, 2 + 7 + 5);         // one partition of tokens; no quantizer matters
  out.literal(0, 1 + 1 + 2 + 2);     // golden and altref stay
  out.literal(0, 2 + 1 + 1);         // sign biases; probabilities are forgotten afterwards; last stays
  for (const auto& row : kTokenUpdates)
    for (const std::uint8_t probability : row) out.write(false, probability != 0 ? probability : 255);
  out.write(true);    // mb_no_skip_coeff
  out.literal(1, 8);  // prob_skip_false
  out.literal(1, 8);  // prob_intra
  out.literal(buffer == 0 ? 255 : 1, 8);
  out.literal(buffer == 1 ? 255 : 1, 8);
  out.literal(0, 2);  // probabilities of intra modes
  for (const auto& row : kVectorUpdates)
    for (const std::uint8_t probability : row) out.write(false, probability);
}

// Section 19.3: skipped, inter, from that buffer, not moved.
void write_macroblock(Vp8BoolEncoder& out, unsigned buffer, int row, int column) {
  out.write(true, 1);
  out.write(true, 1);
  out.write(buffer != 0, buffer == 0 ? 255 : 1);
  if (buffer != 0) out.write(buffer == 2, buffer == 1 ? 255 : 1);
  const int votes = (row > 0 ? 2 : 0) + (column > 0 ? 2 : 0) + (row > 0 && column > 0 ? 1 : 0);
  out.write(false, kZeroVector[votes]);
}

}  // namespace

void Vp8HoldFrame::follow(Bytes frame) {
  const auto header = parse_vp8_frame_header(frame);
  const std::size_t head = header && header->keyframe ? 10 : 3;
  if (!header || frame.size() <= head) return;
  if (header->keyframe) {
    columns_ = (header->width + 15) / 16;
    rows_ = (header->height + 15) / 16;
  }
  version_ = static_cast<std::uint8_t>(frame[0]) >> 1 & 7U;
  const References references = read_references(frame.subspan(head), header->keyframe);
  segmented_ = references.segmented;
  const auto before = shows_;
  if (references.golden_from != 0) shows_[kGolden] = before[references.golden_from == 1 ? kLast : kAltref];
  if (references.altref_from != 0) shows_[kAltref] = before[references.altref_from == 1 ? kLast : kGolden];
  ++number_;
  if (references.to_golden) shows_[kGolden] = number_;
  if (references.to_altref) shows_[kAltref] = number_;
  if (references.to_last) shows_[kLast] = number_;
}

Bytes Vp8HoldFrame::frame() {
  if (columns_ == 0) return {};
  unsigned buffer = kLast;
  for (const unsigned other : {kGolden, kAltref})
    if (shows_[other] > shows_[buffer]) buffer = other;
  constexpr std::size_t kTag = 3;
  out_.assign(kTag, std::byte{0});
  Vp8BoolEncoder out(out_);
  write_header(out, segmented_, buffer);
  for (int row = 0; row < rows_; ++row)
    for (int column = 0; column < columns_; ++column) write_macroblock(out, buffer, row, column);
  out.flush();
  // Section 9.1: no keyframe, version, shown, size of the first partition.
  const auto tag = static_cast<std::uint32_t>(1U | version_ << 1 | 1U << 4 | (out_.size() - kTag) << 5);
  for (std::size_t i = 0; i < kTag; ++i) out_[i] = static_cast<std::byte>(tag >> 8 * i);
  out_.resize(out_.size() + 4);  // a partition of no tokens, which decoders want nonetheless
  return out_;
}

}  // namespace rtpx
