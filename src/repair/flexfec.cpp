#include "repair/flexfec.hpp"

namespace rtpx {
namespace {

/// `count` mask bits, the lowest ones of `bits`, most significant first, for the packets from `from` on.
void add_masked(Parity& parity, std::uint32_t ssrc, std::uint16_t from, std::uint64_t bits, unsigned count) {
  for (unsigned i = 0; i < count; ++i)
    if ((bits >> (count - 1 - i) & 1) != 0)
      parity.members.push_back({ssrc, static_cast<std::uint16_t>(from + i)});
}

// Section 4.2.2.1: each k bit says that the next part of the mask follows.
void read_masks(ByteReader& in, std::uint32_t ssrc, Parity& parity) {
  const std::uint16_t base = in.u16();
  const std::uint16_t first = in.u16();
  add_masked(parity, ssrc, base, first & 0x7FFF, 15);
  if ((first & 0x8000) == 0) return;
  const std::uint32_t second = in.u32();
  add_masked(parity, ssrc, static_cast<std::uint16_t>(base + 15), second & 0x7FFFFFFF, 31);
  if ((second & 0x80000000) == 0) return;
  add_masked(parity, ssrc, static_cast<std::uint16_t>(base + 46), in.u64(), 64);
}

// Section 4.2.2.2: L columns, D rows. D of 0 or 1 is a row of L packets; else a column: D packets, L apart.
void read_row_or_column(ByteReader& in, std::uint32_t ssrc, Parity& parity) {
  const std::uint16_t base = in.u16();
  const unsigned columns = in.u8();
  const unsigned rows = in.u8();
  const unsigned count = rows <= 1 ? columns : rows;
  const unsigned step = rows <= 1 ? 1 : columns;
  if (columns == 0) return;
  for (unsigned i = 0; i < count; ++i)
    parity.members.push_back({ssrc, static_cast<std::uint16_t>(base + i * step)});
}

// Draft 03: unlike in the RFC, a k bit that is set ends the mask, and the third part has one too.
bool read_masks_03(ByteReader& in, std::uint32_t ssrc, Parity& parity) {
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

// What the XOR of the fixed headers says, behind the first byte's two highest bits.
void read_recovery_fields(ByteReader& in, std::uint8_t first, Parity& parity) {
  parity.first_byte = first & 0x3F;
  parity.second_byte = in.u8();
  parity.length = in.u16();
  parity.timestamp = in.u32();
}

std::optional<Parity> whole(const ByteReader& in, Parity parity) {
  if (!in.ok() || parity.members.empty() || parity.members.size() > kMaxParityMembers) return std::nullopt;
  parity.bytes.assign(in.rest().begin(), in.rest().end());
  return parity;
}

}  // namespace

std::optional<Parity> parse_flexfec(const RtpPacket& packet) {
  ByteReader in(packet.payload);
  const std::uint8_t first = in.u8();
  if ((first & 0x80) != 0) return std::nullopt;  // R
  const bool fixed = (first & 0x40) != 0;        // F
  Parity parity;
  read_recovery_fields(in, first, parity);
  ByteReader sources(packet.csrcs);
  while (!sources.empty()) {
    const std::uint32_t ssrc = sources.u32();
    if (fixed)
      read_row_or_column(in, ssrc, parity);
    else
      read_masks(in, ssrc, parity);
  }
  return whole(in, std::move(parity));
}

std::optional<Parity> parse_flexfec_03(Bytes payload) {
  ByteReader in(payload);
  const std::uint8_t first = in.u8();
  if ((first & 0xC0) != 0) return std::nullopt;
  Parity parity;
  read_recovery_fields(in, first, parity);
  const unsigned sources = in.u8();
  in.skip(3);
  for (unsigned i = 0; i < sources && in.ok(); ++i) {
    const std::uint32_t ssrc = in.u32();
    if (!read_masks_03(in, ssrc, parity)) return std::nullopt;
  }
  return whole(in, std::move(parity));
}

// Section 4.2.2.3: with R set and F clear, the header is that of the repeated packet, whose version bits R
// and F are.
std::optional<RtpPacket> flexfec_retransmission(const RtpPacket& packet) noexcept {
  if (packet.payload.empty() || static_cast<std::uint8_t>(packet.payload[0]) >> 6 != 2) return std::nullopt;
  return parse_rtp(packet.payload);
}

}  // namespace rtpx
