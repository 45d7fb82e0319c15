#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "ingest/net/socket_address.hpp"
#include "ingest/net/udp_socket.hpp"

namespace rtpx::whep {

/// Which addresses may be spoken to; empty: all.
using MayReach = std::function<bool(const SocketAddress&)>;

/// Where a NAT shows one of our sockets (RFC 8445 section 5.1.1.2).
struct ReflexiveCandidate {
  std::size_t socket = 0;
  SocketAddress mapped;
};

/// Addresses of STUN servers by their URIs ("stun:…"); others, names that do not resolve and addresses that may not
/// be reached are left out. Asks the system's resolver, which may take seconds.
[[nodiscard]] std::vector<SocketAddress> resolve_stun_servers(std::span<const std::string> uris,
                                                              const MayReach& may_reach);

/// Asks the servers from each socket of their family, until all have answered or a second and a half is over.
[[nodiscard]] std::vector<ReflexiveCandidate> gather_reflexive(std::span<UdpSocket> sockets,
                                                               std::span<const SocketAddress> servers,
                                                               const std::stop_token& stop);

}  // namespace rtpx::whep
