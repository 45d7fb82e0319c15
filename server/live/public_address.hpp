#pragma once

#include "server/http/address.hpp"

namespace rtpx::server {

/// Whether the address is one of the open Internet: none of the special-purpose registries (RFC 6890: loopback, private,
/// link-local, shared, documentation, benchmarking, multicast, …), also where IPv6 embeds one of IPv4 (NAT64, 6to4).
[[nodiscard]] bool is_public(const http::IpAddress& address);

}  // namespace rtpx::server
