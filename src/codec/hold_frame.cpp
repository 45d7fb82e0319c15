#include "codec/hold_frame.hpp"

#include <array>
#include <optional>
#include <vector>

#include "base/ascii.hpp"
#include "codec/av1_obu.hpp"
#include "codec/vp8_hold_frame.hpp"
#include "codec/vp9_header.hpp"

namespace rtpx {
namespace {

/// A reference slot of this mask, if any.
std::optional<unsigned> slot_of(std::uint8_t refreshes) {
  for (unsigned slot = 0; slot < 8; ++slot)
    if ((refreshes >> slot & 1U) != 0) return slot;
  return std::nullopt;
}

class Vp9HoldFrame final : public HoldFrame {
 public:
  // VP9 bitstream specification, annex B: a superframe ends in its frames' sizes between two marker bytes.
  void follow(Bytes frame) override {
    const auto marker = frame.empty() ? 0U : static_cast<unsigned>(frame.back());
    const std::size_t frames = (marker & 7U) + 1, width = (marker >> 3 & 3U) + 1, index = 2 + frames * width;
    if ((marker & 0xE0U) != 0xC0 || frame.size() < index ||
        static_cast<unsigned>(frame[frame.size() - index]) != marker)
      return follow_one(frame);
    Bytes rest = frame.first(frame.size() - index);
    for (std::size_t i = 0; i < frames; ++i) {
      std::size_t size = 0;
      for (std::size_t byte = width; byte-- > 0;)
        size = size << 8 | static_cast<unsigned>(frame[frame.size() - index + 1 + i * width + byte]);
      if (size > rest.size()) return;
      follow_one(rest.first(size));
      rest = rest.subspan(size);
    }
  }
  // Section 6.2: frame_marker, profile, show_existing_frame, frame_to_show_map_idx.
  Bytes frame() override {
    if (!slot_) return {};
    const unsigned profile = (profile_ & 1U) << 1 | profile_ >> 1;
    if (profile_ == 3)
      out_ = {static_cast<std::byte>(0x80 | profile << 4 | 1U << 2 | *slot_ >> 1),
              static_cast<std::byte>(*slot_ << 7)};
    else
      out_ = {static_cast<std::byte>(0x80 | profile << 4 | 1U << 3 | *slot_)};
    return Bytes(out_).first(profile_ == 3 ? 2 : 1);
  }

 private:
  void follow_one(Bytes frame) {
    const auto header = parse_vp9_header(frame);
    if (!header) return;
    profile_ = header->profile;
    if (header->shows_existing)
      slot_ = header->shown_slot;
    else if (header->shown && header->refreshes != 0)
      slot_ = slot_of(header->refreshes);
    else if (slot_ && (header->refreshes >> *slot_ & 1U) != 0)
      slot_.reset();  // overwritten by what is not shown
  }
  std::optional<unsigned> slot_;
  std::uint8_t profile_ = 0;
  std::array<std::byte, 2> out_{};
};

class Av1HoldFrame final : public HoldFrame {
 public:
  void follow(Bytes unit) override {
    while (!unit.empty()) {
      const auto header = parse_obu_header(unit);
      if (!header || !header->has_size) return;
      const auto size = parse_leb128(unit.subspan(std::min(header->size, unit.size())));
      if (!size || size->value > unit.size() - header->size - size->size) return;
      const Bytes payload = unit.subspan(header->size + size->size, size->value);
      if (header->type == ObuType::sequence_header) sequence_ = parse_av1_sequence(payload);
      if (header->type == ObuType::frame || header->type == ObuType::frame_header) follow_frame(payload);
      unit = unit.subspan(header->size + size->size + size->value);
    }
  }
  // A frame header OBU of one byte: show_existing_frame, frame_to_show_map_idx, trailing bits
  // (sections 5.3.2, 5.9.2).
  Bytes frame() override {
    if (!slot_) return {};
    out_ = {std::byte{0x1A}, std::byte{1}, static_cast<std::byte>(0x88 | *slot_ << 4)};
    return out_;
  }

 private:
  // Section 6.8.2: a keyframe that was shown may not be shown again.
  void follow_frame(Bytes payload) {
    const auto header = sequence_ ? parse_av1_frame_header(payload, *sequence_) : std::nullopt;
    if (!header || header->shows_existing) return;
    if (!header->refreshes)
      slot_.reset();
    else if (header->shown && header->keyframe)
      slot_.reset();
    else if (header->shown && *header->refreshes != 0)
      slot_ = slot_of(*header->refreshes);
    else if (slot_ && (*header->refreshes >> *slot_ & 1U) != 0)
      slot_.reset();
  }
  std::optional<Av1Sequence> sequence_;
  std::optional<unsigned> slot_;
  std::array<std::byte, 3> out_{};
};

}  // namespace

std::unique_ptr<HoldFrame> make_hold_frame(std::string_view mime_type) {
  const auto is = [&](std::string_view name) { return equals_ignoring_case(mime_type, name); };
  if (is("video/VP8")) return std::make_unique<Vp8HoldFrame>();
  if (is("video/VP9")) return std::make_unique<Vp9HoldFrame>();
  if (is("video/AV1")) return std::make_unique<Av1HoldFrame>();
  return nullptr;
}

}  // namespace rtpx
