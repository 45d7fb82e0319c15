#include "rtp/packet.hpp"

namespace rtpx {

std::optional<RtpPacket> parse_rtp(Bytes packet) noexcept {
  if (packet.size() < 12) return std::nullopt;
  const auto first = static_cast<std::uint8_t>(packet[0]);
  const auto second = static_cast<std::uint8_t>(packet[1]);
  if (first >> 6 != 2) return std::nullopt;
  RtpPacket out;
  out.whole = packet;
  out.padding = (first & 0x20U) != 0;
  out.marker = (second & 0x80U) != 0;
  out.payload_type = second & 0x7FU;
  out.sequence_number = load_be<std::uint16_t>(&packet[2]);
  out.timestamp = load_be<std::uint32_t>(&packet[4]);
  out.ssrc = load_be<std::uint32_t>(&packet[8]);
  std::size_t at = 12;
  const std::size_t csrc_bytes = 4 * (first & 0x0FU);
  if (packet.size() - at < csrc_bytes) return std::nullopt;
  out.csrcs = packet.subspan(at, csrc_bytes);
  at += csrc_bytes;
  if ((first & 0x10U) != 0) {
    if (packet.size() - at < 4) return std::nullopt;
    out.extension_profile = load_be<std::uint16_t>(&packet[at]);
    const std::size_t extension_bytes = 4 * std::size_t{load_be<std::uint16_t>(&packet[at + 2])};
    at += 4;
    if (packet.size() - at < extension_bytes) return std::nullopt;
    out.extension = packet.subspan(at, extension_bytes);
    at += extension_bytes;
  }
  out.payload = packet.subspan(at);
  if (out.padding && !out.payload.empty()) {
    const auto pad = static_cast<std::uint8_t>(out.payload.back());
    if (pad <= out.payload.size()) out.payload = out.payload.first(out.payload.size() - pad);
  }
  return out;
}

bool looks_like_rtcp(Bytes packet) noexcept {
  if (packet.size() < 8 || static_cast<std::uint8_t>(packet[0]) >> 6 != 2) return false;
  const auto type = static_cast<std::uint8_t>(packet[1]);
  return type >= 192 && type <= 223;
}

std::optional<Bytes> find_extension(const RtpPacket& packet, std::uint8_t id) noexcept {
  std::optional<Bytes> found;
  for_each_extension(packet, [&](std::uint8_t element, Bytes value) {
    if (element == id && !found) found = value;
  });
  return found;
}

}  // namespace rtpx
