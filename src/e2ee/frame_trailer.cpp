#include "e2ee/frame_trailer.hpp"

#include <algorithm>
#include <array>

namespace rtpx {
namespace {

constexpr std::size_t kTrailer = FrameTrailer::kSize;
constexpr std::size_t kMostEscaped = kTrailer + kTrailer / 2;  // a byte of escape for two at most
constexpr std::string_view kMetadataName = "LKTS";

}  // namespace

std::optional<FrameTrailer> parse_frame_trailer(Bytes frame) noexcept {
  if (frame.size() < kTrailer) return std::nullopt;
  const std::byte* at = frame.data() + frame.size() - kTrailer;
  if (at[FrameTrailer::kIv] != std::byte{FrameTrailer::kIv}) return std::nullopt;
  return FrameTrailer{load_be<std::uint32_t>(at), load_be<std::uint32_t>(at + 4),
                      load_be<std::uint32_t>(at + 8), u8(at[FrameTrailer::kIv + 1])};
}

std::optional<FrameTrailer> parse_escaped_frame_trailer(Bytes frame) noexcept {
  const Bytes tail = frame.last(std::min(frame.size(), kMostEscaped + 2));
  std::array<std::byte, kMostEscaped + 2> plain{};
  std::size_t size = 0;
  int zeros = 0;
  for (const std::byte byte : tail) {
    if (zeros >= 2 && byte == std::byte{3}) {
      zeros = 0;
      continue;
    }
    zeros = byte == std::byte{0} ? zeros + 1 : 0;
    plain[size++] = byte;
  }
  return parse_frame_trailer(Bytes(plain).first(size));
}

Bytes without_frame_metadata(Bytes frame) noexcept {
  const std::size_t envelope = kMetadataName.size() + 1;
  if (frame.size() < envelope || as_text(frame.last(kMetadataName.size())) != kMetadataName) return frame;
  const std::size_t length = u8(frame[frame.size() - envelope]) ^ 0xFFU;
  if (length < envelope || length > frame.size()) return frame;
  ByteReader elements(frame.last(length).first(length - envelope));
  bool known = false;
  while (elements.ok() && elements.remaining() >= 2) {
    const unsigned type = elements.u8() ^ 0xFFU, size = elements.u8() ^ 0xFFU;
    elements.skip(size);
    known = known || (elements.ok() && ((type == 1 && size == 8) || (type == 2 && size == 4) || type == 3));
  }
  return known ? frame.first(frame.size() - length) : frame;
}

}  // namespace rtpx
