#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "ingest/net/socket_address.hpp"

/// STUN (RFC 8489) as ICE uses it (RFC 8445).
namespace rtpx::stun {

using TransactionId = std::array<std::byte, 12>;

enum class Type : std::uint16_t {
  binding_request = 0x0001,
  binding_indication = 0x0011,
  binding_success = 0x0101,
  binding_error = 0x0111,
};

/// A parsed message; views point into the bytes that it was parsed from.
struct Message {
  Type type = Type::binding_request;
  TransactionId transaction{};
  std::string_view username;              ///< empty when absent
  std::optional<std::uint32_t> priority;  ///< RFC 8445 section 7.1.1
  bool use_candidate = false, ice_controlling = false, ice_controlled = false;
  std::optional<SocketAddress> mapped_address;  ///< XOR-MAPPED-ADDRESS
  std::optional<std::uint16_t> error_code;
  std::size_t integrity_offset = 0;  ///< of MESSAGE-INTEGRITY's head; 0: absent
  bool fingerprint = false;          ///< present and right
  /// Attributes that must be understood and are not (section 6.3.1), the first few.
  std::vector<std::uint16_t> unknown_required;
};

/// True for a datagram that can only be STUN where it shares a port with DTLS and SRTP (RFC 7983).
[[nodiscard]] bool looks_like_stun(Bytes datagram) noexcept;

/// Parses a binding message. Total. nullopt: not STUN, not binding, cut, or a wrong FINGERPRINT. What follows
/// MESSAGE-INTEGRITY is ignored except FINGERPRINT (section 14.5).
[[nodiscard]] std::optional<Message> parse(Bytes datagram);

/// True when MESSAGE-INTEGRITY is there and right for the short-term `password`.
[[nodiscard]] bool has_integrity(Bytes datagram, const Message& message, std::string_view password);

/// Writes one message, attribute by attribute.
class Writer {
 public:
  Writer(Type type, const TransactionId& transaction);
  void username(std::string_view name);
  void xor_mapped_address(const SocketAddress& address);
  void error(std::uint16_t code, std::string_view reason);
  void unknown_attributes(const std::vector<std::uint16_t>& types);
  void priority(std::uint32_t value);
  void ice_controlling(std::uint64_t tie_breaker);
  void ice_controlled(std::uint64_t tie_breaker);
  void use_candidate();
  /// MESSAGE-INTEGRITY (unless the password is empty) and FINGERPRINT; nothing may follow.
  [[nodiscard]] Bytes finish(std::string_view password);

 private:
  std::byte* attribute(std::uint16_t type, std::size_t length);
  void set_length(std::size_t extra);
  TransactionId transaction_;
  std::vector<std::byte> out_;
};

}  // namespace rtpx::stun
