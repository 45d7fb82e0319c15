#include "ingest/capture/network.hpp"

#include <algorithm>

namespace rtpx::capture {
namespace {

constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kDestinationOptions = 60;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kMaxReasons = 32;
constexpr std::size_t kHeaders = 64;  // a frame that is cut so short has lost its headers

Endpoint endpoint(std::uint8_t version, Bytes address) {
  Endpoint out{.version = version};
  std::ranges::copy(address, out.address.begin());
  return out;
}

}  // namespace

struct Network::IpPacket {
  Endpoint source, destination;
  std::uint8_t protocol = 0;
  Bytes payload;
  bool cut = false;       ///< the capture kept only the front of it
  bool fragment = false;  ///< a part of a datagram
  FragmentKey key;
  std::uint32_t at = 0;
  bool more = false;

  /// RFC 791 section 3.1.
  static std::optional<IpPacket> parse4(Bytes packet) {
    ByteReader in(packet);
    const std::size_t header = 4 * (in.u8() & 0x0FU);
    in.skip(1);
    const std::uint16_t total = in.u16();
    const std::uint16_t identification = in.u16();
    const std::uint16_t flags = in.u16();
    in.skip(1);
    IpPacket out;
    out.protocol = in.u8();
    in.skip(2);
    out.source = endpoint(4, in.take(4));
    out.destination = endpoint(4, in.take(4));
    if (!in.ok() || header < 20 || header > packet.size()) return std::nullopt;
    // A total length of 0 comes from segmentation offload: all there is. Ethernet pads short frames.
    const std::size_t length = total == 0 ? packet.size() : total;
    if (length < header) return std::nullopt;
    out.cut = length > packet.size();
    out.payload = packet.subspan(header, std::min<std::size_t>(length, packet.size()) - header);
    out.more = (flags & 0x2000U) != 0;
    out.at = 8U * (flags & 0x1FFFU);
    out.fragment = out.more || out.at != 0;
    out.key = {out.source.address, out.destination.address, identification};
    return out;
  }

  /// RFC 8200 sections 3 and 4.
  static std::optional<IpPacket> parse6(Bytes packet) {
    ByteReader in(packet);
    in.skip(4);
    const std::uint16_t length = in.u16();
    std::uint8_t next = in.u8();
    in.skip(1);
    IpPacket out;
    out.source = endpoint(6, in.take(16));
    out.destination = endpoint(6, in.take(16));
    if (!in.ok()) return std::nullopt;
    out.cut = length > in.remaining();
    ByteReader body(length == 0 ? in.rest() : in.take(std::min<std::size_t>(length, in.remaining())));
    while (next == kHopByHop || next == kRouting || next == kDestinationOptions) {
      next = body.u8();
      const std::size_t units = body.u8();
      body.skip(8 * units + 6);
      if (!body.ok()) return std::nullopt;
    }
    if (next == kFragment) {
      next = body.u8();
      body.skip(1);
      const std::uint16_t offset = body.u16();
      const std::uint32_t identification = body.u32();
      if (!body.ok()) return std::nullopt;
      out.at = offset & 0xFFF8U;
      out.more = (offset & 1U) != 0;
      out.fragment = out.more || out.at != 0;  // else an atomic fragment (RFC 6946)
      out.key = {out.source.address, out.destination.address, identification};
    }
    out.protocol = next;
    out.payload = body.rest();
    return out;
  }
};

Network::Unwrapped Network::unwrap(std::uint32_t link_type, Bytes frame) {
  if (link_type >= kLinkUser0 && link_type <= kLinkUser15)
    if (const auto meant = user_.find(link_type); meant != user_.end()) link_type = meant->second;
  return walk(Layer::of(Layer::Kind::link, frame, link_type), 0, nullptr);
}

Network::Unwrapped Network::walk(Layer layer, int depth, const IpPacket* outer) {
  for (; depth < kMostLayers; ++depth) {
    switch (layer.kind) {
      case Layer::Kind::none:
        return {Kind::other, {}, std::move(layer.why)};
      case Layer::Kind::link:
        layer = under_link(layer.type, layer.bytes);
        break;
      case Layer::Kind::ether_type:
        layer = under_ether_type(layer.type, layer.bytes);
        break;
      case Layer::Kind::ethernet:
        layer = under_ethernet(layer.bytes);
        break;
      case Layer::Kind::ppp:
        layer = under_ppp(layer.bytes);
        break;
      case Layer::Kind::ip:
        return ip(layer.bytes, depth + 1);
      case Layer::Kind::ip_payload: {
        if (outer == nullptr) return {};
        IpPacket packet = *outer;
        packet.protocol = static_cast<std::uint8_t>(layer.type);
        packet.payload = layer.bytes;
        return ip_payload(packet, depth + 1);
      }
      case Layer::Kind::datagram:
        return {Kind::udp, {std::nullopt, layer.source, layer.destination, layer.bytes}, {}};
    }
  }
  return {Kind::other, {}, "packets wrapped more than " + std::to_string(kMostLayers) + " times"};
}

Network::Unwrapped Network::ip(Bytes bytes, int depth) {
  const int version = bytes.empty() ? 0 : static_cast<int>(bytes[0]) >> 4;
  const auto packet = version == 4   ? IpPacket::parse4(bytes)
                      : version == 6 ? IpPacket::parse6(bytes)
                                     : std::optional<IpPacket>();
  if (!packet) return {Kind::other, {}, "headers of IP that make no sense"};
  if (!packet->fragment) return ip_payload(*packet, depth);
  if (packet->cut) return {Kind::cut, {}, {}};
  IpPacket whole = *packet;
  whole.payload = fragments_.add(packet->key, packet->at, packet->more, packet->payload);
  if (whole.payload.empty()) return {Kind::fragment, {}, {}};
  return ip_payload(whole, depth);
}

Network::Unwrapped Network::ip_payload(const IpPacket& packet, int depth) {
  if (packet.protocol == kProtocolUdp) return udp(packet, depth);
  return walk(under_ip_payload(packet.protocol, packet.payload), depth, &packet);
}

Network::Unwrapped Network::udp(const IpPacket& packet, int depth) {
  ByteReader in(packet.payload);
  Datagram datagram{std::nullopt, packet.source, packet.destination, {}};
  datagram.source.port = in.u16();
  datagram.destination.port = in.u16();
  const std::uint16_t length = in.u16();
  in.skip(2);
  if (!in.ok()) return {packet.cut ? Kind::cut : Kind::other, {}, "UDP that is cut off"};
  // A length of 0 is a jumbogram's or an offloaded segment's: all there is.
  const std::size_t size =
      length == 0 ? in.remaining() : std::max<std::size_t>(length, kUdpHeader) - kUdpHeader;
  const bool cut = size > in.remaining() || (length == 0 && packet.cut);
  datagram.payload = in.take(std::min(size, in.remaining()));
  if (depth < kMostLayers) {
    const Layer inner = under_udp(datagram.source.port, datagram.destination.port, datagram.payload);
    if (inner.kind == Layer::Kind::datagram &&
        inner.source.version == 0) {  // a relay's: its own two ends are known
      if (!cut) return {Kind::udp, {std::nullopt, datagram.source, datagram.destination, inner.bytes}, {}};
    } else if (inner.kind != Layer::Kind::none) {
      Unwrapped found = walk(inner, depth + 1, &packet);
      if (found.kind != Kind::other) return found;
      if (!cut) return {Kind::udp, datagram, {}};
    }
  }
  return cut ? Unwrapped{Kind::cut, {}, {}} : Unwrapped{Kind::udp, datagram, {}};
}

void count(const Network::Unwrapped& unwrapped, bool snapped, std::size_t size, Counts& counts) {
  switch (unwrapped.kind) {
    case Network::Kind::udp:
      ++counts.datagrams;
      return;
    case Network::Kind::fragment:
      return;
    case Network::Kind::cut:
      ++counts.cut;
      return;
    case Network::Kind::other:
      break;
  }
  if (snapped && size < kHeaders) {
    ++counts.cut;
    return;
  }
  ++counts.not_udp;
  if (counts.other.size() < kMaxReasons || counts.other.contains(unwrapped.why))
    ++counts.other[unwrapped.why];
}

}  // namespace rtpx::capture
