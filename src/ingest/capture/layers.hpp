#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "ingest/capture/capture.hpp"

namespace rtpx::capture {

/// What lies under a header that was taken off.
struct Layer {
  enum class Kind : std::uint8_t {
    none,        ///< nothing that leads to UDP: `why` says what it is
    link,        ///< a frame of link type `type`
    ether_type,  ///< what follows EtherType `type`
    ethernet,    ///< an Ethernet frame
    ppp,         ///< a PPP frame, from its protocol field on
    ip,          ///< an IP packet of either version
    ip_payload,  ///< the payload of IP protocol `type`
    datagram,    ///< a datagram whose ends `source` and `destination` are told by the capture agent
  };
  Kind kind = Kind::none;
  std::uint32_t type = 0;
  Bytes bytes;
  std::string why;
  Endpoint source, destination;

  [[nodiscard]] static Layer nothing(std::string why) { return {Kind::none, 0, {}, std::move(why), {}, {}}; }
  [[nodiscard]] static Layer of(Kind kind, Bytes bytes, std::uint32_t type = 0) {
    return {kind, type, bytes, {}, {}, {}};
  }
};

using LayerKind = Layer::Kind;

/// "EtherType 0x88cc (LLDP)": for people, where a capture holds no RTP.
[[nodiscard]] std::string name_of_ether_type(std::uint32_t type);
[[nodiscard]] std::string name_of_ip_protocol(std::uint32_t protocol);
[[nodiscard]] std::string name_of_link_type(std::uint32_t type);
[[nodiscard]] bool known_link_type(std::uint32_t type) noexcept;
[[nodiscard]] bool is_user_link_type(std::uint32_t type) noexcept;

/// Each takes one header off. Total: what makes no sense is Kind::none.
[[nodiscard]] Layer under_link(std::uint32_t link_type, Bytes frame);
[[nodiscard]] Layer under_ethernet(Bytes frame);
[[nodiscard]] Layer under_ether_type(std::uint32_t type, Bytes bytes);
[[nodiscard]] Layer under_ppp(Bytes bytes);
/// GRE (RFC 2784, 2890, 2637), Ethernet in IP (RFC 3378), AH (RFC 4302), IP in IP, MPLS in IP.
[[nodiscard]] Layer under_ip_payload(std::uint32_t protocol, Bytes bytes);
/// VXLAN (RFC 7348), Geneve (RFC 8926), GTP-U (3GPP TS 29.281), TZSP, HEP3, L2TP (RFC 2661), Teredo (RFC
/// 4380), MPLS and GRE in UDP (RFC 7510, 8086), TURN (RFC 8656): by port and by their own marks, none of
/// which RTP can have. Kind::none without a reason: the payload is the datagram's own.
[[nodiscard]] Layer under_udp(std::uint16_t source_port, std::uint16_t destination_port, Bytes payload);

}  // namespace rtpx::capture
