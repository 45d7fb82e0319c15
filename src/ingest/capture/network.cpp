#include "ingest/capture/network.hpp"

#include <algorithm>

namespace rtpx::capture {
namespace {

constexpr std::uint16_t kEtherIpv4 = 0x0800, kEtherIpv6 = 0x86DD, kEtherVlan = 0x8100, kEtherQinQ = 0x88A8,
                        kEtherQinQOld = 0x9100, kEtherPppoe = 0x8864;
constexpr std::uint16_t kPppIpv4 = 0x0021, kPppIpv6 = 0x0057;
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kDestinationOptions = 60;
constexpr std::size_t kUdpHeader = 8;

/// What follows an EtherType, when it is IP under any VLAN tags and PPPoE; empty otherwise.
Bytes ip_under(std::uint16_t type, ByteReader in) {
  while (type == kEtherVlan || type == kEtherQinQ || type == kEtherQinQOld) {
    in.skip(2);
    type = in.u16();
    if (!in.ok()) return {};
  }
  if (type == kEtherPppoe) {
    in.skip(6);
    const std::uint16_t protocol = in.u16();
    return in.ok() && (protocol == kPppIpv4 || protocol == kPppIpv6) ? in.rest() : Bytes();
  }
  return type == kEtherIpv4 || type == kEtherIpv6 ? in.rest() : Bytes();
}

/// The IP packet of a captured frame; empty when there is none.
Bytes ip_packet(std::uint32_t link_type, Bytes frame) {
  ByteReader in(frame);
  switch (link_type) {
    case kLinkEthernet: {
      in.skip(12);
      const std::uint16_t type = in.u16();
      return ip_under(type, in);
    }
    case kLinkLinuxSll: {
      in.skip(14);
      const std::uint16_t type = in.u16();
      return ip_under(type, in);
    }
    case kLinkLinuxSll2: {
      const std::uint16_t type = in.u16();
      in.skip(18);
      return in.ok() ? ip_under(type, in) : Bytes();
    }
    case kLinkNull:
    case kLinkLoop:
      in.skip(4);
      return in.rest();  // the address family is that of the IP version that follows
    case kLinkRaw:
    case kLinkRaw12:
    case kLinkRaw14:
    case kLinkIpv4:
    case kLinkIpv6:
      return frame;
    default:
      return {};
  }
}

Network::Unwrapped udp(Bytes segment, bool cut, Datagram datagram) {
  ByteReader in(segment);
  datagram.source.port = in.u16();
  datagram.destination.port = in.u16();
  const std::uint16_t length = in.u16();
  in.skip(2);
  if (!in.ok()) return {cut ? Network::Kind::cut : Network::Kind::other, {}};
  // A length of 0 is a jumbogram's or an offloaded segment's: all there is.
  const std::size_t payload =
      length == 0 ? in.remaining() : std::max<std::size_t>(length, kUdpHeader) - kUdpHeader;
  if (payload > in.remaining()) return {Network::Kind::cut, {}};
  if (length == 0 && cut) return {Network::Kind::cut, {}};
  datagram.payload = in.take(payload);
  return {Network::Kind::udp, datagram};
}

Endpoint endpoint(std::uint8_t version, Bytes address) {
  Endpoint out{.version = version};
  std::ranges::copy(address, out.address.begin());
  return out;
}

}  // namespace

bool known_link_type(std::uint32_t link_type) noexcept {
  switch (link_type) {
    case kLinkNull:
    case kLinkEthernet:
    case kLinkRaw12:
    case kLinkRaw14:
    case kLinkRaw:
    case kLinkLoop:
    case kLinkLinuxSll:
    case kLinkIpv4:
    case kLinkIpv6:
    case kLinkLinuxSll2:
      return true;
    default:
      return false;
  }
}

Network::Unwrapped Network::unwrap(std::uint32_t link_type, Bytes frame) {
  return ip(ip_packet(link_type, frame));
}

Network::Unwrapped Network::ip(Bytes packet) {
  if (packet.empty()) return {};
  const int version = static_cast<int>(packet[0]) >> 4;
  if (version == 4) return ipv4(packet);
  if (version == 6) return ipv6(packet);
  return {};
}

/// RFC 791 section 3.1.
Network::Unwrapped Network::ipv4(Bytes packet) {
  ByteReader in(packet);
  const std::size_t header = 4 * (in.u8() & 0x0FU);
  in.skip(1);
  const std::uint16_t total = in.u16();
  const std::uint16_t identification = in.u16();
  const std::uint16_t flags = in.u16();
  in.skip(1);
  const std::uint8_t protocol = in.u8();
  in.skip(2);
  Datagram datagram;
  datagram.source = endpoint(4, in.take(4));
  datagram.destination = endpoint(4, in.take(4));
  if (!in.ok() || header < 20 || header > packet.size() || protocol != kProtocolUdp) return {};
  // A total length of 0 comes from segmentation offload: all there is. Ethernet pads short frames.
  const std::size_t length = total == 0 ? packet.size() : total;
  if (length < header) return {};
  const bool cut = length > packet.size();
  const Bytes payload = packet.subspan(header, std::min<std::size_t>(length, packet.size()) - header);
  const bool more = (flags & 0x2000U) != 0;
  const std::uint32_t at = 8U * (flags & 0x1FFFU);
  if (!more && at == 0) return udp(payload, cut, datagram);
  const FragmentKey key{datagram.source.address, datagram.destination.address, identification};
  return fragment(key, at, more, payload, cut, datagram);
}

/// RFC 8200 sections 3 and 4.
Network::Unwrapped Network::ipv6(Bytes packet) {
  ByteReader in(packet);
  in.skip(4);
  const std::uint16_t length = in.u16();
  std::uint8_t next = in.u8();
  in.skip(1);
  Datagram datagram;
  datagram.source = endpoint(6, in.take(16));
  datagram.destination = endpoint(6, in.take(16));
  if (!in.ok()) return {};
  const bool cut = length > in.remaining();
  ByteReader body(length == 0 ? in.rest() : in.take(std::min<std::size_t>(length, in.remaining())));
  while (next == kHopByHop || next == kRouting || next == kDestinationOptions) {
    next = body.u8();
    const std::size_t units = body.u8();
    body.skip(8 * units + 6);
    if (!body.ok()) return {};
  }
  if (next == kFragment) {
    next = body.u8();
    body.skip(1);
    const std::uint16_t offset = body.u16();
    const std::uint32_t identification = body.u32();
    if (!body.ok() || next != kProtocolUdp) return {};
    if (offset < 8 && (offset & 1U) == 0) return udp(body.rest(), cut, datagram);  // an atomic fragment
    const FragmentKey key{datagram.source.address, datagram.destination.address, identification};
    return fragment(key, offset & 0xFFF8U, (offset & 1U) != 0, body.rest(), cut, datagram);
  }
  return next == kProtocolUdp ? udp(body.rest(), cut, datagram) : Unwrapped{};
}

Network::Unwrapped Network::fragment(const FragmentKey& key, std::uint32_t at, bool more, Bytes piece,
                                     bool cut, Datagram datagram) {
  if (cut) return {Kind::cut, {}};
  const Bytes whole = fragments_.add(key, at, more, piece);
  if (whole.empty()) return {Kind::fragment, {}};
  return udp(whole, false, datagram);
}

}  // namespace rtpx::capture
