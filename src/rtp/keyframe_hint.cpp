#include "rtp/keyframe_hint.hpp"

#include <string>

#include "base/ascii.hpp"

namespace rtpx {
namespace {

// RFC 7741 section 4.2: S and PID 0, then the frame header's P bit (RFC 6386 section 9.1).
bool vp8_opens(ByteReader in) {
  const std::uint8_t head = in.u8();
  if ((head & 0x10) == 0 || (head & 0x07) != 0) return false;
  if ((head & 0x80) != 0) {
    const std::uint8_t more = in.u8();
    if ((more & 0x80) != 0 && (in.u8() & 0x80) != 0) in.skip(1);
    in.skip(((more & 0x40) != 0 ? 1U : 0U) + ((more & 0x30) != 0 ? 1U : 0U));
  }
  const std::uint8_t frame = in.u8();
  return in.ok() && (frame & 1) == 0;
}

// RFC 6184 section 5.2: IDR slice or parameter set, alone, first in a STAP-A, or begun in an FU-A.
bool h264_opens(ByteReader in) {
  const auto opens = [](std::uint8_t type) { return type == 5 || type == 7; };
  const std::uint8_t type = in.u8() & 0x1F;
  if (type == 24) return in.skip(2), opens(in.u8() & 0x1F);
  if (type != 28) return opens(type);
  const std::uint8_t fragment = in.u8();
  return (fragment & 0x80) != 0 && opens(fragment & 0x1F);
}

// RFC 7798 section 4.4: IRAP picture or parameter set, alone, first in an AP, or begun in an FU.
bool h265_opens(ByteReader in) {
  const auto opens = [](std::uint8_t type) {
    return (type >= 16 && type <= 23) || (type >= 32 && type <= 34);
  };
  const std::uint8_t type = in.u8() >> 1 & 0x3F;
  in.skip(1);
  if (type == 50) return true;  // PACI: may carry anything
  if (type == 48) {
    in.skip(2);
    const std::uint8_t plain = in.u8();
    in.skip(1);
    return opens(plain >> 1 & 0x3F) || opens(in.u8() >> 1 & 0x3F);  // the latter behind a DONL field
  }
  if (type != 49) return opens(type);
  const std::uint8_t fragment = in.u8();
  return (fragment & 0x80) != 0 && opens(fragment & 0x3F);
}

// A slice begins a picture when it begins with macroblock 0: ue(v) 0 is the one bit 1 (RFC 6184, H.264
// section 7.3.3).
bool h264_begins(ByteReader in) {
  const auto begins = [&](std::uint8_t type) { return (type != 1 && type != 5) || (in.u8() & 0x80) != 0; };
  const std::uint8_t type = in.u8() & 0x1F;
  if (type == 24) return in.skip(2), begins(in.u8() & 0x1F);
  if (type != 28) return begins(type);
  const std::uint8_t fragment = in.u8();
  return (fragment & 0x80) != 0 && begins(fragment & 0x1F);
}

// first_slice_segment_in_pic_flag, H.265 section 7.3.6.1.
bool h265_begins(ByteReader in) {
  const auto begins = [&](std::uint8_t type) { return type >= 32 || (in.u8() & 0x80) != 0; };
  const auto type_of = [&] {
    const std::uint8_t type = in.u8() >> 1 & 0x3F;
    in.skip(1);
    return type;
  };
  const std::uint8_t type = type_of();
  if (type == 48) return in.skip(2), begins(type_of());
  if (type != 49) return begins(type);
  const std::uint8_t fragment = in.u8();
  return (fragment & 0x80) != 0 && begins(fragment & 0x3F);
}

}  // namespace

HintFormat hint_format(std::string_view mime_type) noexcept {
  if (equals_ignoring_case(mime_type, "video/VP8")) return HintFormat::vp8;
  if (equals_ignoring_case(mime_type, "video/VP9")) return HintFormat::vp9;
  if (equals_ignoring_case(mime_type, "video/AV1")) return HintFormat::av1;
  if (equals_ignoring_case(mime_type, "video/H264")) return HintFormat::h264;
  if (equals_ignoring_case(mime_type, "video/H265")) return HintFormat::h265;
  return HintFormat::none;
}

bool may_begin_keyframe(HintFormat format, Bytes payload) noexcept {
  if (payload.empty()) return false;
  const auto first = static_cast<std::uint8_t>(payload[0]);
  switch (format) {
    case HintFormat::vp8:
      return vp8_opens(ByteReader(payload));
    case HintFormat::vp9:
      return (first & 0x48) == 0x08;  // RFC 9628 section 4.2: B, and no inter-picture prediction
    case HintFormat::av1:
      return (first & 0x08) != 0;  // N: first of a coded video sequence
    case HintFormat::h264:
      return h264_opens(ByteReader(payload));
    case HintFormat::h265:
      return h265_opens(ByteReader(payload));
    case HintFormat::none:
      return false;
  }
  return false;
}

bool may_begin_frame(HintFormat format, Bytes payload) noexcept {
  if (payload.empty()) return true;
  const auto first = static_cast<std::uint8_t>(payload[0]);
  switch (format) {
    case HintFormat::vp8:
      return (first & 0x17) == 0x10;  // S and PID 0
    case HintFormat::vp9:
      return (first & 0x08) != 0;  // B
    case HintFormat::av1:
      return (first & 0x80) == 0;  // Z: goes on from the packet before
    case HintFormat::h264:
      return h264_begins(ByteReader(payload));
    case HintFormat::h265:
      return h265_begins(ByteReader(payload));
    case HintFormat::none:
      return true;
  }
  return true;
}

}  // namespace rtpx
