#include "repair/flexfec_03.hpp"

namespace rtpx {
namespace {

void add_masked(Parity& parity, std::uint32_t ssrc, std::uint16_t from, std::uint64_t bits, unsigned count) {
  for (unsigned i = 0; i < count; ++i)
    if ((bits >> (count - 1 - i) & 1) != 0)
      parity.members.push_back({ssrc, static_cast<std::uint16_t>(from + i)});
}

// Unlike in the RFC, a k bit that is set ends the mask, and the third part has one too.
bool read_masks(ByteReader& in, std::uint32_t ssrc, Parity& parity) {
  const std::uint16_t base = in.u16();
  const std::uint16_t first = in.u16();
  add_masked(parity, ssrc, base, first & 0x7FFF, 15);
  if ((first & 0x8000) != 0) return true;
  const std::uint32_t second = in.u32();
  add_masked(parity, ssrc, static_cast<std::uint16_t>(base + 15), second & 0x7FFFFFFF, 31);
  if ((second & 0x80000000) != 0) return true;
  const std::uint64_t third = in.u64();
  add_masked(parity, ssrc, static_cast<std::uint16_t>(base + 46), third & ~(std::uint64_t{1} << 63), 63);
  return third >> 63 != 0;
}

}  // namespace

std::optional<Parity> parse_flexfec_03(Bytes payload) {
  ByteReader in(payload);
  const std::uint8_t first = in.u8();
  if ((first & 0xC0) != 0) return std::nullopt;
  Parity parity;
  parity.first_byte = first & 0x3F;
  parity.second_byte = in.u8();
  parity.length = in.u16();
  parity.timestamp = in.u32();
  const unsigned sources = in.u8();
  in.skip(3);
  for (unsigned i = 0; i < sources && in.ok(); ++i) {
    const std::uint32_t ssrc = in.u32();
    if (!read_masks(in, ssrc, parity)) return std::nullopt;
  }
  if (!in.ok() || parity.members.empty() || parity.members.size() > kMaxParityMembers) return std::nullopt;
  parity.bytes.assign(in.rest().begin(), in.rest().end());
  return parity;
}

}  // namespace rtpx
