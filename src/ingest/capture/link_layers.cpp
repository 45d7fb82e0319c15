// Link types (https://www.tcpdump.org/linktypes.html), EtherTypes and PPP.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/ascii.hpp"
#include "ingest/capture/layers.hpp"
#include "ingest/capture/network.hpp"

namespace rtpx::capture {
namespace {

enum EtherType : std::uint16_t {
  kIpv4 = 0x0800,
  kIpv6 = 0x86DD,
  kVlan = 0x8100,
  kServiceVlan = 0x88A8,
  kOldQinQ = 0x9100,
  kOldQinQ2 = 0x9200,
  kVnTag = 0x8926,
  kCiscoMetaData = 0x8909,
  kMpls = 0x8847,
  kMplsMulticast = 0x8848,
  kPppoe = 0x8864,
  kBackboneService = 0x88E7,
  kTransparentEthernet = 0x6558,
};

struct Named {
  std::uint32_t number;
  const char* name;
};

template <std::size_t N>
std::string named(const char* what, std::uint32_t number, bool hex, const Named (&names)[N]) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), hex ? "%s 0x%04x" : "%s %u", what, number);
  for (const Named& one : names)
    if (one.number == number) return std::string(text.data()) + " (" + one.name + ")";
  return text.data();
}

constexpr Named kEtherTypes[] = {{0x0806, "ARP"},
                                 {0x88CC, "LLDP"},
                                 {0x88E5, "MACsec"},
                                 {0x888E, "802.1X"},
                                 {0x8863, "PPPoE discovery"},
                                 {0x8809, "slow protocols"},
                                 {0x88F7, "PTP"}};
constexpr Named kIpProtocols[] = {{1, "ICMP"},    {2, "IGMP"},  {6, "TCP"},    {50, "ESP"},
                                  {58, "ICMPv6"}, {89, "OSPF"}, {132, "SCTP"}, {136, "UDP-Lite"}};
constexpr Named kLinkTypes[] = {{189, "USB"}, {187, "Bluetooth"}, {195, "802.15.4"},      {201, "Bluetooth"},
                                {220, "USB"}, {227, "CAN"},       {252, "exported PDUs"}, {253, "netlink"}};

constexpr std::uint32_t kKnownLinkTypes[] = {kLinkNull,
                                             kLinkEthernet,
                                             kLinkPpp,
                                             kLinkRaw12,
                                             kLinkRaw14,
                                             kLinkPppHdlc,
                                             kLinkPppoe,
                                             kLinkRaw,
                                             kLinkCiscoHdlc,
                                             kLink80211,
                                             kLinkLoop,
                                             kLinkLinuxSll,
                                             kLinkPrism,
                                             kLinkRadiotap,
                                             kLinkAvs,
                                             kLinkPpi,
                                             kLinkPppWithDirection,
                                             kLinkIpv4,
                                             kLinkIpv6,
                                             kLinkNflog,
                                             kLinkLinuxSll2};

/// RFC 3032: labels to the bottom of the stack. What comes then is told by its first nibble: IP, or a
/// pseudowire's control word (RFC 4385) before an Ethernet frame.
Layer under_mpls(ByteReader in) {
  std::uint32_t label = 0;
  do {
    label = in.u32();
    if (!in.ok()) return Layer::nothing("MPLS that is cut off");
  } while ((label & 0x100U) == 0);
  const Bytes rest = in.rest();
  const unsigned nibble = rest.empty() ? 0 : static_cast<unsigned>(rest[0]) >> 4;
  if (nibble == 4 || nibble == 6) return Layer::of(LayerKind::ip, rest);
  if (nibble == 0 && rest.size() > 4) return Layer::of(LayerKind::ethernet, rest.subspan(4));
  return Layer::of(LayerKind::ethernet, rest);
}

/// IEEE 802.2 with SNAP.
Layer under_llc(Bytes bytes) {
  ByteReader in(bytes);
  const std::uint8_t destination = in.u8(), source = in.u8();
  in.skip(1);
  if (destination == 0x06 && source == 0x06) return Layer::of(LayerKind::ip, in.rest());
  if (destination != 0xAA || source != 0xAA) return Layer::nothing("IEEE 802.2 LLC");
  in.skip(3);
  const std::uint16_t type = in.u16();
  return in.ok() ? Layer::of(LayerKind::ether_type, in.rest(), type) : Layer::nothing("IEEE 802.2 LLC");
}

/// IEEE 802.11 data frames that are not encrypted and hold one packet.
Layer under_80211(Bytes frame, bool padded) {
  ByteReader in(frame);
  const std::uint8_t control = in.u8(), flags = in.u8();
  const unsigned type = (control >> 2) & 3U, subtype = control >> 4;
  if (!in.ok() || (control & 3U) != 0 || type != 2 || (subtype & 4U) != 0)
    return Layer::nothing("802.11 frames without data");
  if ((flags & 0x40U) != 0) return Layer::nothing("802.11 frames that are encrypted");
  std::size_t header = 24;
  if ((flags & 3U) == 3) header += 6;
  std::uint8_t quality = 0;
  if ((subtype & 8U) != 0) {
    if (frame.size() > header) quality = static_cast<std::uint8_t>(frame[header]);
    header += 2;
    if ((flags & 0x80U) != 0) header += 4;
  }
  if ((quality & 0x80U) != 0) return Layer::nothing("802.11 frames that hold several packets (A-MSDU)");
  if (padded) header = (header + 3) / 4 * 4;
  if (frame.size() < header) return Layer::nothing("802.11 frames that are cut off");
  return under_llc(frame.subspan(header));
}

std::uint16_t le16(Bytes bytes, std::size_t at) {
  return bytes.size() < at + 2 ? 0
                               : static_cast<std::uint16_t>(static_cast<unsigned>(bytes[at]) |
                                                            static_cast<unsigned>(bytes[at + 1]) << 8);
}

/// https://www.radiotap.org: the flags field says whether the 802.11 header is padded to four bytes.
Layer under_radiotap(Bytes frame) {
  const std::size_t length = le16(frame, 2);
  if (length < 8 || frame.size() < length) return Layer::nothing("radiotap that is cut off");
  std::size_t at = 4;
  const std::uint32_t present = le16(frame, 4) | std::uint32_t{le16(frame, 6)} << 16;
  for (std::uint32_t word = present; at + 4 <= length;) {
    at += 4;
    if ((word & 0x80000000U) == 0) break;
    word = le16(frame, at) | std::uint32_t{le16(frame, at + 2)} << 16;
  }
  if ((present & 1U) != 0) at = (at + 7) / 8 * 8 + 8;  // TSFT
  const bool padded = (present & 2U) != 0 && at < length && (static_cast<unsigned>(frame[at]) & 0x20U) != 0;
  return under_80211(frame.subspan(length), padded);
}

/// Linux netfilter's log (linux/netfilter/nfnetlink_log.h): attributes in the byte order of the machine that
/// wrote them, which is told by which order fits.
Layer under_nflog(Bytes frame) {
  constexpr std::uint16_t kPayload = 9;
  for (const bool little : {true, false}) {
    std::size_t at = 4;
    while (at + 4 <= frame.size()) {
      const auto field = [&](std::size_t where) {
        const std::uint16_t value = le16(frame, where);
        return little ? value : __builtin_bswap16(value);
      };
      const std::size_t length = field(at);
      const std::uint16_t type = field(at + 2) & 0x7FFFU;
      if (length < 4 || length > frame.size() - at) break;
      if (type == kPayload) return Layer::of(LayerKind::ip, frame.subspan(at + 4, length - 4));
      at += (length + 3) / 4 * 4;
    }
  }
  return Layer::nothing("NFLOG without a packet");
}

Layer skipping(Bytes frame, std::size_t header, LayerKind kind, std::uint32_t type = 0) {
  if (frame.size() < header) return Layer::nothing("frames that are cut off");
  return Layer::of(kind, frame.subspan(header), type);
}

}  // namespace

std::string name_of_ether_type(std::uint32_t type) {
  return named("EtherType", type, true, kEtherTypes);
}
std::string name_of_ip_protocol(std::uint32_t protocol) {
  return named("IP protocol", protocol, false, kIpProtocols);
}
std::string name_of_link_type(std::uint32_t type) {
  if (is_user_link_type(type))
    return named("link type", type, false, {{type, ("USER" + std::to_string(type - kLinkUser0)).c_str()}});
  return named("link type", type, false, kLinkTypes);
}
bool is_user_link_type(std::uint32_t type) noexcept {
  return type >= kLinkUser0 && type <= kLinkUser15;
}
bool known_link_type(std::uint32_t type) noexcept {
  return std::ranges::find(kKnownLinkTypes, type) != std::end(kKnownLinkTypes);
}

Result<std::pair<std::uint32_t, std::uint32_t>> parse_link_type(std::string_view text) {
  static constexpr std::pair<std::string_view, std::uint32_t> kNames[] = {{"ETHERNET", kLinkEthernet},
                                                                          {"IP", kLinkRaw},
                                                                          {"RAW", kLinkRaw},
                                                                          {"PPP", kLinkPpp},
                                                                          {"LINUX_SLL", kLinkLinuxSll},
                                                                          {"LINUX_SLL2", kLinkLinuxSll2},
                                                                          {"IEEE802_11", kLink80211},
                                                                          {"NFLOG", kLinkNflog}};
  const auto number = [](std::string_view word) -> std::optional<std::uint32_t> {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    return error == std::errc() && end == word.data() + word.size() ? std::optional(value) : std::nullopt;
  };
  const auto equals = text.find('=');
  std::string_view user = text.substr(0, equals);
  const std::string_view meant = equals == text.npos ? std::string_view() : text.substr(equals + 1);
  std::optional<std::uint32_t> from, to = number(meant);
  if (user.size() > 4 && equals_ignoring_case(user.substr(0, 4), "USER")) {
    from = number(user.substr(4));
    if (from) from = *from <= kLinkUser15 - kLinkUser0 ? std::optional(kLinkUser0 + *from) : std::nullopt;
  } else {
    from = number(user);
  }
  for (const auto& [name, type] : kNames)
    if (equals_ignoring_case(meant, name)) to = type;
  if (!from || !is_user_link_type(*from) || !to || !known_link_type(*to))
    return fail(Errc::invalid_argument,
                "--link-type " + std::string(text) +
                    ": give USER0 to USER15 and what it is, such as USER0=ETHERNET, USER3=IP or 147=1");
  return std::pair(*from, *to);
}

Layer under_link(std::uint32_t link_type, Bytes frame) {
  ByteReader in(frame);
  switch (link_type) {
    case kLinkEthernet:
      return Layer::of(LayerKind::ethernet, frame);
    case kLinkLinuxSll:
      in.skip(14);
      if (const std::uint16_t type = in.u16(); in.ok()) return Layer::of(LayerKind::ether_type, in.rest(), type);
      break;
    case kLinkLinuxSll2: {
      const std::uint16_t type = in.u16();
      in.skip(18);
      if (in.ok()) return Layer::of(LayerKind::ether_type, in.rest(), type);
      break;
    }
    case kLinkCiscoHdlc:
      in.skip(2);
      if (const std::uint16_t type = in.u16(); in.ok()) return Layer::of(LayerKind::ether_type, in.rest(), type);
      break;
    case kLinkNull:
    case kLinkLoop:  // the address family is that of the IP version that follows
      return skipping(frame, 4, LayerKind::ip);
    case kLinkRaw:
    case kLinkRaw12:
    case kLinkRaw14:
    case kLinkIpv4:
    case kLinkIpv6:
      return Layer::of(LayerKind::ip, frame);
    case kLinkPpp:
    case kLinkPppHdlc:
      return Layer::of(LayerKind::ppp, frame);
    case kLinkPppWithDirection:
      return skipping(frame, 1, LayerKind::ppp);
    case kLinkPppoe:
      return skipping(frame, 6, LayerKind::ppp);
    case kLink80211:
      return under_80211(frame, false);
    case kLinkRadiotap:
      return under_radiotap(frame);
    case kLinkPrism:
      return skipping(frame, 144, LayerKind::link, kLink80211);
    case kLinkAvs:
      in.skip(4);
      return skipping(frame, in.u32(), LayerKind::link, kLink80211);
    case kLinkPpi:
      return le16(frame, 2) < 8 ? Layer::nothing("PPI that is cut off")
                                : skipping(frame, le16(frame, 2), LayerKind::link, le16(frame, 4));
    case kLinkNflog:
      return under_nflog(frame);
    default:
      return Layer::nothing(name_of_link_type(link_type));
  }
  return Layer::nothing("frames that are cut off");
}

Layer under_ethernet(Bytes frame) {
  ByteReader in(frame);
  in.skip(12);
  const std::uint16_t type = in.u16();
  if (!in.ok()) return Layer::nothing("Ethernet frames that are cut off");
  return type < 1536 ? under_llc(in.rest()) : Layer::of(LayerKind::ether_type, in.rest(), type);
}

Layer under_ether_type(std::uint32_t type, Bytes bytes) {
  ByteReader in(bytes);
  switch (type) {
    case kIpv4:
    case kIpv6:
      return Layer::of(LayerKind::ip, bytes);
    case kVlan:
    case kServiceVlan:
    case kOldQinQ:
    case kOldQinQ2:
      in.skip(2);
      break;
    case kVnTag:
      in.skip(4);
      break;
    case kCiscoMetaData: {  // version, length in words of four bytes, options
      in.skip(1);
      const std::size_t words = in.u8();
      in.skip(4 * words);
      break;
    }
    case kMpls:
    case kMplsMulticast:
      return under_mpls(in);
    case kPppoe:
      return skipping(bytes, 6, LayerKind::ppp);
    case kBackboneService:
      return skipping(bytes, 4, LayerKind::ethernet);
    case kTransparentEthernet:
      return Layer::of(LayerKind::ethernet, bytes);
    default:
      return Layer::nothing(name_of_ether_type(type));
  }
  const std::uint16_t inner = in.u16();
  return in.ok() ? Layer::of(LayerKind::ether_type, in.rest(), inner)
                 : Layer::nothing(name_of_ether_type(type) + " that is cut off");
}

/// RFC 1661 section 2, RFC 1662 section 3.1: address and control may be left out, and so may the protocol's
/// first byte.
Layer under_ppp(Bytes bytes) {
  if (bytes.size() > 2 && bytes[0] == std::byte{0xFF} && bytes[1] == std::byte{0x03})
    bytes = bytes.subspan(2);
  ByteReader in(bytes);
  std::uint16_t protocol = in.u8();
  if ((protocol & 1U) == 0) protocol = static_cast<std::uint16_t>(protocol << 8 | in.u8());
  if (!in.ok()) return Layer::nothing("PPP that is cut off");
  switch (protocol) {
    case 0x0021:
    case 0x0057:
      return Layer::of(LayerKind::ip, in.rest());
    case 0x0281:
      return under_mpls(in);
    case 0x0031:  // bridged frames, RFC 3518: flags, then what MAC it is
      return skipping(in.rest(), 2, LayerKind::ethernet);
    default:
      return Layer::nothing(named("PPP protocol", protocol, true, {{0xC021, "LCP"}}));
  }
}

}  // namespace rtpx::capture
