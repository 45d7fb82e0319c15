#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rtpx::whep {

/// Targets of `rel="ice-server"` in one Link header (RFC 8288; RFC 9725 section 4.6), "stun:stun.example.net:3478".
/// Total: what is no link is passed over. At most kMaxIceServers.
inline constexpr std::size_t kMaxIceServers = 8;
[[nodiscard]] std::vector<std::string> ice_server_links(std::string_view header);

/// A STUN server by UDP: "stun:host", "stun:host:port" or "stun:[2001:db8::1]:port" (RFC 7064).
struct StunServer {
  std::string host;  ///< a name or an address without brackets
  std::uint16_t port = 3478;
};
/// nullopt: another scheme (turn:, stuns:), or no such URI.
[[nodiscard]] std::optional<StunServer> parse_stun_uri(std::string_view uri);

}  // namespace rtpx::whep
