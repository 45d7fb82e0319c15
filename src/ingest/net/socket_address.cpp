#include "ingest/net/socket_address.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace rtpx {

std::optional<SocketAddress> SocketAddress::parse(std::string_view ip, std::uint16_t port) {
  const std::string text(ip);
  SocketAddress out;
  out.port_ = port;
  if (inet_pton(AF_INET, text.c_str(), out.ip_.data()) == 1) return out;
  out.v6_ = true;
  if (inet_pton(AF_INET6, text.c_str(), out.ip_.data()) == 1) return out;
  return std::nullopt;
}

std::optional<SocketAddress> SocketAddress::parse_with_port(std::string_view text,
                                                            std::uint16_t default_port) {
  if (const auto plain = parse(text, default_port)) return plain;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end || port == 0) return std::nullopt;
  const auto address = parse(host, port);
  return address && address->is_v6() == brackets ? address : std::nullopt;
}

SocketAddress SocketAddress::from(const sockaddr_storage& from) noexcept {
  SocketAddress out;
  if (from.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from, sizeof v4);
    std::memcpy(out.ip_.data(), &v4.sin_addr, 4);
    out.port_ = ntohs(v4.sin_port);
  } else if (from.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &from, sizeof v6);
    std::memcpy(out.ip_.data(), &v6.sin6_addr, 16);
    out.port_ = ntohs(v6.sin6_port);
    out.v6_ = true;
    if (out.is_link_local()) out.scope_ = v6.sin6_scope_id;
  }
  return out;
}

bool SocketAddress::is_any() const noexcept {
  return std::ranges::all_of(ip_, [](std::uint8_t b) { return b == 0; });
}
bool SocketAddress::is_loopback() const noexcept {
  if (!v6_) return ip_[0] == 127;
  return ip_[15] == 1 && std::all_of(ip_.begin(), ip_.end() - 1, [](std::uint8_t b) { return b == 0; });
}
bool SocketAddress::is_link_local() const noexcept {
  return v6_ ? ip_[0] == 0xFE && (ip_[1] & 0xC0) == 0x80 : ip_[0] == 169 && ip_[1] == 254;
}
bool SocketAddress::is_multicast() const noexcept {
  return v6_ ? ip_[0] == 0xFF : (ip_[0] & 0xF0) == 0xE0;
}

SocketAddress SocketAddress::with_port(std::uint16_t port) const noexcept {
  SocketAddress out = *this;
  out.port_ = port;
  return out;
}

std::string SocketAddress::ip() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(v6_ ? AF_INET6 : AF_INET, ip_.data(), text, sizeof text);
  return text;
}

std::string SocketAddress::to_string() const {
  return (v6_ ? "[" + ip() + "]" : ip()) + ":" + std::to_string(port_);
}

socklen_t SocketAddress::write(sockaddr_storage& out) const noexcept {
  if (!v6_) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_);
    std::memcpy(&v4.sin_addr, ip_.data(), 4);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port_);
  v6.sin6_scope_id = scope_;
  std::memcpy(&v6.sin6_addr, ip_.data(), 16);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

std::size_t SocketAddressHash::operator()(const SocketAddress& address) const noexcept {
  std::uint64_t high = 0, low = 0;
  std::memcpy(&high, address.bytes().data(), 8);
  std::memcpy(&low, address.bytes().data() + 8, 8);
  std::uint64_t mixed = (high ^ address.port()) * 0x9E3779B97F4A7C15ULL;
  mixed = (mixed ^ (mixed >> 29) ^ low) * 0xBF58476D1CE4E5B9ULL;
  return mixed ^ (mixed >> 32);
}

std::vector<SocketAddress> local_addresses(std::uint16_t port) {
  std::vector<SocketAddress> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    const auto family = at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, at->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    const SocketAddress address = SocketAddress::from(storage).with_port(port);
    if (!address.is_link_local() && std::ranges::find(found, address) == found.end())
      found.push_back(address);
  }
  freeifaddrs(list);
  std::ranges::stable_partition(found, [](const SocketAddress& a) { return !a.is_loopback(); });
  return found;
}

}  // namespace rtpx
