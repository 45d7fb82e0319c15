#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rtpx {

/// An IPv4 or IPv6 address and a UDP port, in the form that compares and hashes.
class SocketAddress {
 public:
  SocketAddress() = default;  ///< 0.0.0.0:0
  /// "192.0.2.1" or "2001:db8::1"; no names, no scope. nullopt for anything else.
  [[nodiscard]] static std::optional<SocketAddress> parse(std::string_view ip, std::uint16_t port);
  /// "192.0.2.1", "192.0.2.1:9000", "2001:db8::1" or "[2001:db8::1]:9000".
  [[nodiscard]] static std::optional<SocketAddress> parse_with_port(std::string_view text,
                                                                    std::uint16_t default_port);
  /// `from` is a sockaddr_in or sockaddr_in6; other families give 0.0.0.0:0.
  [[nodiscard]] static SocketAddress from(const sockaddr_storage& from) noexcept;

  [[nodiscard]] bool is_v6() const noexcept { return v6_; }
  [[nodiscard]] bool is_any() const noexcept;
  [[nodiscard]] bool is_loopback() const noexcept;
  [[nodiscard]] bool is_link_local() const noexcept;
  [[nodiscard]] bool is_multicast() const noexcept;
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] SocketAddress with_port(std::uint16_t port) const noexcept;
  /// Network byte order; 4 bytes used for IPv4.
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const noexcept { return ip_; }
  [[nodiscard]] std::string ip() const;
  [[nodiscard]] std::string to_string() const;  ///< "192.0.2.1:9000", "[2001:db8::1]:9000"
  /// Fills `out`, answers the size used.
  socklen_t write(sockaddr_storage& out) const noexcept;

  bool operator==(const SocketAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> ip_{};
  std::uint32_t scope_ = 0;
  std::uint16_t port_ = 0;
  bool v6_ = false;
};

struct SocketAddressHash {
  [[nodiscard]] std::size_t operator()(const SocketAddress& address) const noexcept;
};

/// Addresses of this machine's interfaces that are up: global ones first, loopback last, no link-local ones.
/// Does I/O. Empty when the system does not tell.
[[nodiscard]] std::vector<SocketAddress> local_addresses(std::uint16_t port);

}  // namespace rtpx
