#include "e2ee/sframe_header.hpp"

namespace rtpx {
namespace {

std::uint64_t number_of(ByteReader& in, unsigned bytes) noexcept {
  std::uint64_t value = 0;
  for (; bytes > 0; --bytes) value = value << 8 | in.u8();
  return value;
}

/// Whether it takes this many bytes, and no fewer.
bool needs_bytes(std::uint64_t value, unsigned bytes) noexcept {
  return bytes == 1 || value >> (8 * (bytes - 1)) != 0;
}

}  // namespace

// X KKK Y CCC: of each number its value, or (X, Y) the bytes it takes less one.
std::optional<SFrameHeader> parse_sframe_header(Bytes frame) noexcept {
  ByteReader in(frame);
  const unsigned config = in.u8();
  SFrameHeader out{config >> 4 & 7U, config & 7U, 0};
  if ((config & 0x80U) != 0) {
    const unsigned bytes = static_cast<unsigned>(out.key_id) + 1;
    out.key_id = number_of(in, bytes);
    if (!needs_bytes(out.key_id, bytes) || out.key_id < 8) return std::nullopt;
  }
  if ((config & 0x08U) != 0) {
    const unsigned bytes = static_cast<unsigned>(out.counter) + 1;
    out.counter = number_of(in, bytes);
    if (!needs_bytes(out.counter, bytes) || out.counter < 8) return std::nullopt;
  }
  out.size = in.position();
  if (!in.ok()) return std::nullopt;
  return out;
}

// S LEN X K: LEN bytes of counter; K is the key's id or (X) the bytes it takes.
std::optional<SFrameHeader> parse_medooze_header(Bytes frame) noexcept {
  ByteReader in(frame);
  const unsigned config = in.u8(), length = config >> 4 & 7U, key = config & 7U;
  if ((config & 0x80U) != 0 || length == 0) return std::nullopt;
  SFrameHeader out{key, 0, 0};
  if ((config & 0x08U) != 0) {
    if (key == 0) return std::nullopt;
    out.key_id = number_of(in, key);
    if (out.key_id < 8) return std::nullopt;
  }
  out.counter = number_of(in, length);
  out.size = in.position();
  if (!in.ok()) return std::nullopt;
  return out;
}

}  // namespace rtpx
