#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "rtp/packet.hpp"

namespace rtpx {

/// What tells one packet of a stream from another.
struct PacketIdentity {
  std::uint8_t payload_type = 0;
  std::uint16_t sequence_number = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0;
};
[[nodiscard]] inline PacketIdentity identity_of(const RtpPacket& packet) noexcept {
  return {packet.payload_type, packet.sequence_number, packet.timestamp, packet.ssrc};
}

/// `like` with another identity and payload, without padding; built in `buffer`, which the answer views.
[[nodiscard]] inline RtpPacket rebuild(const RtpPacket& like, const PacketIdentity& identity, Bytes payload,
                                       std::vector<std::byte>& buffer) {
  const auto header = like.payload.empty()
                          ? std::size_t{12}
                          : static_cast<std::size_t>(like.payload.data() - like.whole.data());
  buffer.resize(header + payload.size());
  std::ranges::copy(like.whole.first(header), buffer.begin());
  std::ranges::copy(payload, buffer.begin() + static_cast<std::ptrdiff_t>(header));
  buffer[0] &= std::byte{0xDF};  // P
  buffer[1] = static_cast<std::byte>((like.marker ? 0x80 : 0) | identity.payload_type);
  store_be(buffer.data() + 2, identity.sequence_number);
  store_be(buffer.data() + 4, identity.timestamp);
  store_be(buffer.data() + 8, identity.ssrc);
  return *parse_rtp(buffer);
}

}  // namespace rtpx
