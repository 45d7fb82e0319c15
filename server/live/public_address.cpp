#include "server/live/public_address.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace rtpx::server {
namespace {

// IANA's special-purpose registries for IPv4 and IPv6, and multicast.
constexpr std::array kSpecial = {
    "0.0.0.0/8",      "10.0.0.0/8",      "100.64.0.0/10",   "127.0.0.0/8",   "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",   "192.0.2.0/24",    "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
    "192.175.48.0/24", "198.18.0.0/15",  "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",
    "2001::/23",      "2001:db8::/32",   "2002::/16",       "2620:4f:8000::/48", "3fff::/20",
};
constexpr const char* kGlobalUnicast = "2000::/3";
constexpr const char* kNat64 = "64:ff9b::/96";

http::IpNetwork network(const char* text) {
  return http::IpNetwork::parse(text).value_or(http::IpNetwork{});
}

}  // namespace

bool is_public(const http::IpAddress& address) {
  static const std::vector<http::IpNetwork> special = [] {
    std::vector<http::IpNetwork> out;
    for (const char* text : kSpecial) out.push_back(network(text));
    return out;
  }();
  static const http::IpNetwork global = network(kGlobalUnicast), nat64 = network(kNat64);
  http::IpAddress judged = address;
  if (nat64.contains(address)) {  // the last four bytes are the IPv4 address that is reached
    std::ranges::fill(judged.bytes.begin(), judged.bytes.begin() + 10, std::uint8_t{0});
    judged.bytes[10] = judged.bytes[11] = 0xFF;
  }
  if (!judged.is_v4() && !global.contains(judged)) return false;
  return std::ranges::none_of(special, [&](const http::IpNetwork& one) { return one.contains(judged); });
}

}  // namespace rtpx::server
