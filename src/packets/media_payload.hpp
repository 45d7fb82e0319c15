#pragma once

#include "packets/encrypted_frames.hpp"
#include "repair/repairer.hpp"
#include "rtp/packet.hpp"

namespace rtpx {

/// What a packet carries once RED (RFC 2198) is taken off.
struct MediaPayload {
  std::uint8_t payload_type = 0;
  PayloadRole role = PayloadRole::unknown;
  Bytes payload;
};

/// RED that is encrypted end to end as a whole: nothing can be taken off, nor given back from it.
[[nodiscard]] inline bool is_encrypted_red(const PayloadTypes& types, const RtpPacket& packet) noexcept {
  return types.role(packet.payload_type) == PayloadRole::red && ends_encrypted(packet);
}

/// Of RED, the primary block; a malformed RED packet carries nothing. Encrypted RED is a frame of the track's
/// first media codec, which nobody can read.
[[nodiscard]] inline MediaPayload media_payload(const PayloadTypes& types, const RtpPacket& packet) noexcept {
  MediaPayload media{packet.payload_type, types.role(packet.payload_type), packet.payload};
  if (media.role != PayloadRole::red) return media;
  if (ends_encrypted(packet))
    for (std::uint8_t type = 0; type < 128; ++type)
      if (types.role(type) == PayloadRole::media) return {type, PayloadRole::media, packet.payload};
  const auto primary = primary_of_red(packet.payload);
  if (!primary) return {packet.payload_type, PayloadRole::unknown, {}};
  return {primary->payload_type, types.role(primary->payload_type), primary->payload};
}

/// Roles whose packets have a source of their own beside the media.
[[nodiscard]] inline bool only_repairs(PayloadRole role) noexcept {
  return role == PayloadRole::rtx || role == PayloadRole::flexfec || role == PayloadRole::other_fec;
}

}  // namespace rtpx
