#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace rtpx {

/// An RTP packet (RFC 3550 section 5.1), validated once and then read through views into the bytes it was
/// parsed from, which must outlive it.
struct RtpPacket {
  std::uint8_t payload_type = 0;  ///< 0..127
  bool marker = false;
  bool padding = false;  ///< P bit; the payload below has the padding removed
  std::uint16_t sequence_number = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0;
  std::uint16_t extension_profile = 0;  ///< 0xBEDE: one-byte, 0x100x: two-byte form (RFC 8285)
  Bytes csrcs;                          ///< 4 bytes each
  Bytes extension;                      ///< the extension's data, without its 4-byte head; empty when X is 0
  Bytes payload;                        ///< without padding; empty for padding-only packets
  Bytes whole;                          ///< the packet itself
};

/// Parses a packet. Total. A pad count of zero, or one larger than the payload, leaves the payload empty only
/// when it covers it exactly; an impossible count counts as no padding (such packets exist in the field).
/// nullopt: version is not 2, or the header is cut.
[[nodiscard]] std::optional<RtpPacket> parse_rtp(Bytes packet) noexcept;

/// True for a packet that is RTCP where RTP and RTCP share a port (RFC 5761 section 4).
[[nodiscard]] bool looks_like_rtcp(Bytes packet) noexcept;

/// The value of header extension `id` (RFC 8285, both forms), nullopt when absent. A value may be empty.
[[nodiscard]] std::optional<Bytes> find_extension(const RtpPacket& packet, std::uint8_t id) noexcept;

/// Calls `visit(id, value)` for each header extension element, in order; stops at malformed ones.
template <typename Visit>
void for_each_extension(const RtpPacket& packet, Visit&& visit) {
  const bool one_byte = packet.extension_profile == 0xBEDE;
  if (!one_byte && (packet.extension_profile & 0xFFF0) != 0x1000) return;
  ByteReader in(packet.extension);
  while (!in.empty()) {
    const std::uint8_t head = in.u8();
    if (head == 0) continue;  // padding
    std::uint8_t id = head;
    std::size_t length = 0;
    if (one_byte) {
      id = head >> 4;
      if (id == 15) return;  // RFC 8285 section 4.2: stop
      length = (head & 0x0FU) + 1U;
    } else {
      length = in.u8();
    }
    const Bytes value = in.take(length);
    if (!in.ok()) return;
    visit(id, value);
  }
}

}  // namespace rtpx
