#pragma once

#include <cstdint>
#include <optional>

#include "ingest/capture/capture.hpp"
#include "ingest/capture/fragments.hpp"

namespace rtpx::capture {

/// Link types, https://www.tcpdump.org/linktypes.html.
enum LinkType : std::uint32_t {
  kLinkNull = 0,
  kLinkEthernet = 1,
  kLinkRaw12 = 12,
  kLinkRaw14 = 14,
  kLinkRaw = 101,
  kLinkLoop = 108,
  kLinkLinuxSll = 113,
  kLinkIpv4 = 228,
  kLinkIpv6 = 229,
  kLinkLinuxSll2 = 276,
};
[[nodiscard]] bool known_link_type(std::uint32_t link_type) noexcept;

/// Takes link, VLAN, PPPoE, IP and UDP headers off captured frames; puts IP fragments together.
class Network {
 public:
  enum class Kind : std::uint8_t {
    udp,       ///< `datagram` is set
    other,     ///< another protocol, or headers that make no sense
    fragment,  ///< kept until its datagram is whole
    cut,       ///< UDP, but the capture kept only a part of it
  };
  struct Unwrapped {
    Kind kind = Kind::other;
    Datagram datagram;  ///< no time; the payload is valid until the next call
  };
  [[nodiscard]] Unwrapped unwrap(std::uint32_t link_type, Bytes frame);

  /// Fragments so far that were given up because the rest of their datagram did not come.
  [[nodiscard]] std::uint64_t lost_fragments() const noexcept {
    return fragments_.lost() + fragments_.pending();
  }

 private:
  [[nodiscard]] Unwrapped ip(Bytes packet);
  [[nodiscard]] Unwrapped ipv4(Bytes packet);
  [[nodiscard]] Unwrapped ipv6(Bytes packet);
  [[nodiscard]] Unwrapped fragment(const FragmentKey& key, std::uint32_t at, bool more, Bytes piece, bool cut,
                                   Datagram datagram);

  Fragments fragments_;
};

}  // namespace rtpx::capture
