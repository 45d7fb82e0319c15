#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rtpx::http {

/// An IP address; IPv4 is kept as the IPv6 address that maps it, so that both spellings are one address.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  /// Only a literal: "127.0.0.1", "::1". No name, no brackets, no zone, no other spelling of IPv4.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  [[nodiscard]] bool is_v4() const;
  /// 127.0.0.0/8 and ::1.
  [[nodiscard]] bool is_loopback() const;
  /// What limits count by: the address itself, of IPv6 its /64, which one sender has whole.
  [[nodiscard]] IpAddress limit_key() const;
  [[nodiscard]] std::string text() const;

  auto operator<=>(const IpAddress&) const = default;
};

/// "10.0.0.0/8", "::1": an address and how many of its bits count.
struct IpNetwork {
  IpAddress address;
  int bits = 128;  ///< of the mapped form

  [[nodiscard]] static std::optional<IpNetwork> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& other) const;
};

/// `host[:port]` of the Host header and of a URL (RFC 9110 4.2, RFC 3986 3.2.2).
struct Authority {
  std::string host;             ///< lower case; an IPv6 literal without its brackets
  std::optional<IpAddress> ip;  ///< when the host is a literal
  std::optional<std::uint16_t> port;

  /// nullopt for what is neither a literal nor a name of letters, digits, '-', '_' and dots.
  [[nodiscard]] static std::optional<Authority> parse(std::string_view text);
};

}  // namespace rtpx::http
