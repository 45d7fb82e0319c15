#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ingest/capture/capture.hpp"
#include "ingest/capture/fragments.hpp"
#include "ingest/capture/layers.hpp"

namespace rtpx::capture {

/// Link types, https://www.tcpdump.org/linktypes.html.
enum LinkType : std::uint32_t {
  kLinkNull = 0,
  kLinkEthernet = 1,
  kLinkPpp = 9,
  kLinkRaw12 = 12,
  kLinkRaw14 = 14,
  kLinkPppHdlc = 50,
  kLinkPppoe = 51,
  kLinkRaw = 101,
  kLinkCiscoHdlc = 104,
  kLink80211 = 105,
  kLinkLoop = 108,
  kLinkLinuxSll = 113,
  kLinkPrism = 119,
  kLinkRadiotap = 127,
  kLinkUser0 = 147,
  kLinkUser15 = 162,
  kLinkAvs = 163,
  kLinkPpi = 192,
  kLinkPppWithDirection = 204,
  kLinkIpv4 = 228,
  kLinkIpv6 = 229,
  kLinkNflog = 239,
  kLinkLinuxSll2 = 276,
};

/// Takes link, tunnel, IP and UDP headers off captured frames, as deep as they are wrapped; puts IP fragments
/// together. A tunnel that turns out to hold no datagram of UDP is itself the datagram.
class Network {
 public:
  static constexpr int kMostLayers = 32;

  /// `user`: what link types 147 to 162, which everyone uses as he likes, are in this capture.
  explicit Network(const LinkTypes& user = {}) : user_(user) {}

  enum class Kind : std::uint8_t {
    udp,       ///< `datagram` is set
    other,     ///< another protocol, or headers that make no sense: `why` says which
    fragment,  ///< kept until its datagram is whole
    cut,       ///< UDP, but the capture kept only a part of it
  };
  struct Unwrapped {
    Kind kind = Kind::other;
    Datagram datagram;  ///< no time; the payload is valid until the next call
    std::string why;
  };
  [[nodiscard]] Unwrapped unwrap(std::uint32_t link_type, Bytes frame);

  /// Fragments so far that were given up because the rest of their datagram did not come.
  [[nodiscard]] std::uint64_t lost_fragments() const noexcept {
    return fragments_.lost() + fragments_.pending();
  }

 private:
  /// A packet of IP with what its header says.
  struct IpPacket;
  [[nodiscard]] Unwrapped walk(Layer layer, int depth, const IpPacket* outer);
  [[nodiscard]] Unwrapped ip(Bytes packet, int depth);
  [[nodiscard]] Unwrapped ip_payload(const IpPacket& packet, int depth);
  [[nodiscard]] Unwrapped udp(const IpPacket& packet, int depth);

  LinkTypes user_;
  Fragments fragments_;
};

/// Counts what a reader got out of a frame. `snapped`: the capture kept only a part of it.
void count(const Network::Unwrapped& unwrapped, bool snapped, std::size_t size, Counts& counts);

}  // namespace rtpx::capture
