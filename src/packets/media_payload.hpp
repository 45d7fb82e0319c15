#pragma once

#include "repair/repairer.hpp"
#include "rtp/packet.hpp"

namespace rtpx {

/// What a packet carries once RED (RFC 2198) is taken off.
struct MediaPayload {
  std::uint8_t payload_type = 0;
  PayloadRole role = PayloadRole::unknown;
  Bytes payload;
};

/// Of RED, the primary block; a malformed RED packet carries nothing.
[[nodiscard]] inline MediaPayload media_payload(const PayloadTypes& types, const RtpPacket& packet) noexcept {
  MediaPayload media{packet.payload_type, types.role(packet.payload_type), packet.payload};
  if (media.role != PayloadRole::red) return media;
  const auto primary = primary_of_red(packet.payload);
  if (!primary) return {packet.payload_type, PayloadRole::unknown, {}};
  return {primary->payload_type, types.role(primary->payload_type), primary->payload};
}

/// Roles whose packets have a source of their own beside the media.
[[nodiscard]] inline bool only_repairs(PayloadRole role) noexcept {
  return role == PayloadRole::rtx || role == PayloadRole::flexfec;
}

}  // namespace rtpx
