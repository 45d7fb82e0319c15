#include <algorithm>

#include "ingest/capture/layers.hpp"

namespace rtpx::capture {
namespace {

constexpr std::uint16_t kMplsInUdp = 6635, kGreInUdp = 4754, kGtpU = 2152, kVxlan = 4789, kOldVxlan = 8472,
                        kVxlanGpe = 4790, kGeneve = 6081, kTzsp = 37008, kL2tp = 1701, kTeredo = 3544;
constexpr std::uint32_t kGre = 47, kMplsInIp = 137, kEtherIp = 97, kAuthentication = 51, kIpv4InIp = 4,
                        kIpv6InIp = 41;
constexpr std::uint32_t kMplsType = 0x8847;

/// RFC 2784 and 2890; version 1 is PPTP's (RFC 2637). ERSPAN of types I to III lies in it
/// (draft-foschiano-erspan-03).
Layer under_gre(Bytes bytes) {
  constexpr std::uint16_t kErspan = 0x88BE, kErspan3 = 0x22EB, kPpp = 0x880B;
  ByteReader in(bytes);
  const std::uint16_t flags = in.u16();
  const std::uint16_t type = in.u16();
  const bool checksum = (flags & 0x8000U) != 0, routing = (flags & 0x4000U) != 0,
             key = (flags & 0x2000U) != 0, sequence = (flags & 0x1000U) != 0;
  if ((flags & 7U) == 1) {
    in.skip(4);
    if (sequence) in.skip(4);
    if ((flags & 0x0080U) != 0) in.skip(4);
    return in.ok() && type == kPpp ? Layer::of(LayerKind::ppp, in.rest()) : Layer::nothing("GRE");
  }
  if ((flags & 7U) != 0 || routing) return Layer::nothing("GRE of an unknown version");
  if (checksum) in.skip(4);
  if (key) in.skip(4);
  if (sequence) in.skip(4);
  if (type == kErspan) {
    if (sequence) in.skip(8);  // without: type I, which has no header
    return in.ok() ? Layer::of(LayerKind::ethernet, in.rest()) : Layer::nothing("ERSPAN that is cut off");
  }
  if (type == kErspan3) {
    in.skip(10);
    const std::uint16_t last = in.u16();
    if ((last & 1U) != 0) in.skip(8);  // the platform's subheader
    // P, then FT: 0 is Ethernet, 2 is IP.
    if (!in.ok()) return Layer::nothing("ERSPAN that is cut off");
    return Layer::of(((last >> 10) & 0x1FU) == 2 ? LayerKind::ip : LayerKind::ethernet, in.rest());
  }
  return in.ok() ? Layer::of(LayerKind::ether_type, in.rest(), type) : Layer::nothing("GRE that is cut off");
}

/// RFC 7348; GPE (draft-ietf-nvo3-vxlan-gpe) says in its last byte before the network's number what lies
/// under it.
Layer under_vxlan(Bytes payload, bool gpe) {
  ByteReader in(payload);
  const std::uint8_t flags = in.u8();
  in.skip(2);
  const std::uint8_t next = in.u8();
  in.skip(4);
  if (!in.ok() || (flags & 0x08U) == 0 || (flags & 0xC0U) != 0) return {};
  if (!gpe || (flags & 0x04U) == 0 || next == 3) return Layer::of(LayerKind::ethernet, in.rest());
  if (next == 1 || next == 2) return Layer::of(LayerKind::ip, in.rest());
  return {};
}

/// RFC 8926 section 3.4.
Layer under_geneve(Bytes payload) {
  ByteReader in(payload);
  const std::uint8_t first = in.u8();
  in.skip(1);
  const std::uint16_t type = in.u16();
  in.skip(4);
  in.skip(4 * std::size_t{first & 0x3FU});
  if (!in.ok() || first >> 6 != 0) return {};
  return Layer::of(LayerKind::ether_type, in.rest(), type);
}

/// 3GPP TS 29.281 section 5: user data (type 255), under extension headers.
Layer under_gtp(Bytes payload) {
  ByteReader in(payload);
  const std::uint8_t flags = in.u8(), type = in.u8();
  in.skip(6);
  if (!in.ok() || flags >> 5 != 1 || (flags & 0x10U) == 0 || type != 255) return {};
  if ((flags & 7U) != 0) {
    in.skip(3);
    std::uint8_t next = in.u8();
    while (in.ok() && next != 0 && (flags & 4U) != 0) {
      const std::size_t words = in.u8();
      if (words == 0) return {};
      in.skip(4 * words - 2);
      next = in.u8();
    }
  }
  return in.ok() ? Layer::of(LayerKind::ip, in.rest()) : Layer();
}

/// TaZmen Sniffer Protocol: tagged fields up to 1 (end), then a frame.
Layer under_tzsp(Bytes payload) {
  ByteReader in(payload);
  const std::uint8_t version = in.u8(), type = in.u8();
  const std::uint16_t protocol = in.u16();
  if (!in.ok() || version != 1 || type > 1) return {};
  while (in.ok()) {
    const std::uint8_t tag = in.u8();
    if (tag == 1) break;
    if (tag != 0) in.skip(in.u8());
  }
  if (!in.ok()) return {};
  if (protocol == 1) return Layer::of(LayerKind::ethernet, in.rest());
  return protocol == 0x12 ? Layer::of(LayerKind::link, in.rest(), 105) : Layer();
}

/// HEP3 (https://github.com/sipcapture/HEP): chunks of vendor, type, length. Only what the agent did not
/// compress.
Layer under_hep3(Bytes payload) {
  ByteReader in(payload);
  in.skip(4);
  const std::size_t total = in.u16();
  if (!in.ok() || total < 6) return {};
  ByteReader chunks(in.take(std::min(total - 6, in.remaining())));
  Layer layer;
  bool udp = true;
  const auto address = [](Bytes value, Endpoint& of) {
    of.version = value.size() == 4 ? 4 : 6;
    std::ranges::copy(value.first(std::min<std::size_t>(value.size(), 16)), of.address.begin());
  };
  const auto port = [](Bytes value, Endpoint& of) {
    if (value.size() == 2) of.port = load_be<std::uint16_t>(value.data());
  };
  while (chunks.remaining() >= 6) {
    const std::uint16_t vendor = chunks.u16(), type = chunks.u16(), length = chunks.u16();
    if (length < 6) break;
    const Bytes value = chunks.take(length - 6);
    if (!chunks.ok()) break;
    if (vendor != 0) continue;
    if (type == 2 && value.size() == 1) udp = value[0] == std::byte{17};
    if (type == 3 || type == 5) address(value, layer.source);
    if (type == 4 || type == 6) address(value, layer.destination);
    if (type == 7) port(value, layer.source);
    if (type == 8) port(value, layer.destination);
    if (type == 15) layer.bytes = value;
  }
  if (!udp || layer.bytes.empty()) return Layer::nothing("HEP3 without a datagram of UDP");
  layer.kind = LayerKind::datagram;
  return layer;
}

/// RFC 2661 section 3.1: data messages carry PPP.
Layer under_l2tp(Bytes payload) {
  ByteReader in(payload);
  const std::uint16_t flags = in.u16();
  if ((flags & 0x000FU) != 2 || (flags & 0x8000U) != 0) return {};
  if ((flags & 0x4000U) != 0) in.skip(2);
  in.skip(4);
  if ((flags & 0x0800U) != 0) in.skip(4);
  if ((flags & 0x0200U) != 0) in.skip(in.u16());
  return in.ok() ? Layer::of(LayerKind::ppp, in.rest()) : Layer();
}

/// RFC 4380 section 5.1.1: authentication and origin before an IPv6 packet.
Layer under_teredo(Bytes payload) {
  ByteReader in(payload);
  while (in.remaining() > 2 && in.rest()[0] == std::byte{0}) {
    in.skip(1);
    const std::uint8_t type = in.u8();
    if (type == 0) {
      in.skip(6);
    } else if (type == 1) {
      const std::size_t id = in.u8(), value = in.u8();
      in.skip(id + value + 9);
    } else {
      return {};
    }
  }
  const Bytes rest = in.rest();
  return in.ok() && !rest.empty() && static_cast<unsigned>(rest[0]) >> 4 == 6 ? Layer::of(LayerKind::ip, rest)
                                                                              : Layer();
}

/// RFC 8656 sections 11 and 12: ChannelData, and the DATA of Send and Data indications.
Layer under_turn(Bytes payload) {
  constexpr std::uint32_t kMagicCookie = 0x2112A442;
  constexpr std::uint16_t kSendIndication = 0x0016, kDataIndication = 0x0017, kData = 0x0013;
  ByteReader in(payload);
  const std::uint16_t type = in.u16();
  const std::size_t length = in.u16();
  if (!in.ok()) return {};
  // Over UDP padding may follow, of which there is less than four bytes.
  if (type >= 0x4000 && type <= 0x4FFF)
    return length <= in.remaining() && in.remaining() - length < 4 && length > 0
               ? Layer::of(LayerKind::datagram, in.take(length))
               : Layer();
  if ((type != kSendIndication && type != kDataIndication) || length != payload.size() - 20 ||
      in.u32() != kMagicCookie)
    return {};
  in.skip(12);
  while (in.remaining() >= 4) {
    const std::uint16_t attribute = in.u16();
    const std::size_t size = in.u16();
    const Bytes value = in.take(size);
    if (!in.ok()) return {};
    if (attribute == kData) return Layer::of(LayerKind::datagram, value);
    in.skip(std::min((4 - size % 4) % 4, in.remaining()));
  }
  return {};
}

}  // namespace

Layer under_ip_payload(std::uint32_t protocol, Bytes bytes) {
  switch (protocol) {
    case kIpv4InIp:
    case kIpv6InIp:
      return Layer::of(LayerKind::ip, bytes);
    case kGre:
      return under_gre(bytes);
    case kMplsInIp:
      return under_ether_type(kMplsType, bytes);
    case kEtherIp:
      return bytes.size() > 2 && bytes[0] == std::byte{0x30} ? Layer::of(LayerKind::ethernet, bytes.subspan(2))
                                                             : Layer::nothing("EtherIP");
    case kAuthentication: {
      ByteReader in(bytes);
      const std::uint8_t next = in.u8();
      const std::size_t words = in.u8();
      in.skip(4 * words + 6);
      return in.ok() ? Layer::of(LayerKind::ip_payload, in.rest(), next) : Layer::nothing("AH that is cut off");
    }
    default:
      return Layer::nothing(name_of_ip_protocol(protocol));
  }
}

Layer under_udp(std::uint16_t source_port, std::uint16_t destination_port, Bytes payload) {
  if (payload.empty()) return {};
  const unsigned version = static_cast<unsigned>(payload[0]) >> 6;
  if (version == 2) return {};  // RTP's, which none of these has
  const auto on = [&](std::uint16_t port) { return destination_port == port || source_port == port; };
  if (payload.size() > 6 && as_text(payload.first(4)) == "HEP3") return under_hep3(payload);
  if (on(kVxlan) || on(kOldVxlan)) return under_vxlan(payload, false);
  if (on(kVxlanGpe)) return under_vxlan(payload, true);
  if (on(kGeneve)) return under_geneve(payload);
  if (on(kGtpU)) return under_gtp(payload);
  if (on(kTzsp)) return under_tzsp(payload);
  if (on(kL2tp)) return under_l2tp(payload);
  if (on(kTeredo)) return under_teredo(payload);
  if (on(kMplsInUdp)) return under_ether_type(kMplsType, payload);
  if (on(kGreInUdp)) return under_gre(payload);
  return under_turn(payload);
}

}  // namespace rtpx::capture
