#include "ingest/webrtc/stun.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <string>

namespace rtpx::stun {
namespace {

constexpr std::uint32_t kCookie = 0x2112A442;
constexpr std::size_t kHeader = 20, kAttributeHead = 4, kSha1 = 20;
constexpr std::uint32_t kFingerprintXor = 0x5354554E;
constexpr std::size_t kMaxUnknown = 8;

enum Attribute : std::uint16_t {
  kUsername = 0x0006,
  kMessageIntegrity = 0x0008,
  kErrorCode = 0x0009,
  kUnknownAttributes = 0x000A,
  kXorMappedAddress = 0x0020,
  kPriority = 0x0024,
  kUseCandidate = 0x0025,
  kFingerprint = 0x8028,
  kIceControlled = 0x8029,
  kIceControlling = 0x802A,
};

// CRC-32 of ISO 3309, bit by bit over a table of nibbles: messages are a hundred bytes long.
std::uint32_t crc32(Bytes bytes) noexcept {
  static constexpr std::array<std::uint32_t, 16> kTable = [] {
    std::array<std::uint32_t, 16> table{};
    for (std::uint32_t i = 0; i < 16; ++i) {
      std::uint32_t c = i;
      for (int bit = 0; bit < 4; ++bit) c = (c & 1U) != 0 ? c >> 1 ^ 0xEDB88320U : c >> 1;
      table[i] = c;
    }
    return table;
  }();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const std::byte b : bytes) {
    crc ^= static_cast<std::uint8_t>(b);
    crc = crc >> 4 ^ kTable[crc & 15U];
    crc = crc >> 4 ^ kTable[crc & 15U];
  }
  return ~crc;
}

/// HMAC-SHA1 over the message up to `end`, with the length field as if the message ended after the attribute.
std::array<std::byte, kSha1> integrity(Bytes message, std::size_t end, std::string_view password) {
  std::vector<std::byte> input(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(end));
  store_be<std::uint16_t>(input.data() + 2,
                          static_cast<std::uint16_t>(end + kAttributeHead + kSha1 - kHeader));
  std::array<std::byte, kSha1> mac{};
  unsigned size = kSha1;
  HMAC(EVP_sha1(), password.data(), static_cast<int>(password.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(),
       reinterpret_cast<unsigned char*>(mac.data()), &size);
  return mac;
}

// Section 14.2: the address is XORed with the cookie and the transaction id.
void xor_address(std::array<std::uint8_t, 16>& ip, const TransactionId& transaction) {
  std::array<std::byte, 16> mask{};
  store_be<std::uint32_t>(mask.data(), kCookie);
  std::ranges::copy(transaction, mask.begin() + 4);
  for (std::size_t i = 0; i < ip.size(); ++i) ip[i] ^= static_cast<std::uint8_t>(mask[i]);
}

std::optional<SocketAddress> read_xor_address(Bytes value, const TransactionId& transaction) {
  ByteReader in(value);
  in.skip(1);
  const std::uint8_t family = in.u8();
  const auto port = static_cast<std::uint16_t>(in.u16() ^ (kCookie >> 16));
  const Bytes ip = in.take(family == 2 ? 16 : 4);
  if (!in.ok() || (family != 1 && family != 2)) return std::nullopt;
  std::array<std::uint8_t, 16> raw{};
  std::ranges::transform(ip, raw.begin(), [](std::byte b) { return static_cast<std::uint8_t>(b); });
  xor_address(raw, transaction);
  sockaddr_storage storage{};
  if (family == 1) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, raw.data(), 4);
    std::memcpy(&storage, &v4, sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, raw.data(), 16);
    std::memcpy(&storage, &v6, sizeof v6);
  }
  return SocketAddress::from(storage);
}

void read_attribute(std::uint16_t type, Bytes value, Message& out) {
  switch (type) {
    case kUsername:
      out.username = as_text(value);
      break;
    case kPriority:
      if (value.size() == 4) out.priority = load_be<std::uint32_t>(value.data());
      break;
    case kUseCandidate:
      out.use_candidate = true;
      break;
    case kIceControlled:
      out.ice_controlled = true;
      break;
    case kIceControlling:
      out.ice_controlling = true;
      break;
    case kXorMappedAddress:
      out.mapped_address = read_xor_address(value, out.transaction);
      break;
    case kErrorCode:
      if (value.size() >= 4)
        out.error_code = static_cast<std::uint16_t>((static_cast<unsigned>(value[2]) & 7U) * 100 +
                                                    static_cast<unsigned>(value[3]));
      break;
    default:
      if (type < 0x8000 && type != kUnknownAttributes && out.unknown_required.size() < kMaxUnknown)
        out.unknown_required.push_back(type);
  }
}

}  // namespace

bool looks_like_stun(Bytes datagram) noexcept {
  return datagram.size() >= kHeader && static_cast<std::uint8_t>(datagram[0]) < 4 &&
         load_be<std::uint32_t>(datagram.data() + 4) == kCookie;
}

std::optional<Message> parse(Bytes datagram) {
  if (!looks_like_stun(datagram)) return std::nullopt;
  Message out;
  const auto type = load_be<std::uint16_t>(datagram.data());
  if ((type & ~0x0110U) != 0x0001) return std::nullopt;
  out.type = static_cast<Type>(type);
  if (load_be<std::uint16_t>(datagram.data() + 2) != datagram.size() - kHeader || datagram.size() % 4 != 0)
    return std::nullopt;
  std::ranges::copy(datagram.subspan(8, 12), out.transaction.begin());

  ByteReader in(datagram.subspan(kHeader));
  while (!in.empty()) {
    const std::size_t offset = kHeader + in.position();
    const std::uint16_t attribute = in.u16();
    const std::uint16_t length = in.u16();
    const Bytes value = in.take(length);
    in.skip((4U - length % 4U) % 4U);
    if (!in.ok()) return std::nullopt;
    if (attribute == kFingerprint) {
      if (length != 4 || !in.empty()) return std::nullopt;
      if (load_be<std::uint32_t>(value.data()) != (crc32(datagram.first(offset)) ^ kFingerprintXor))
        return std::nullopt;
      out.fingerprint = true;
    } else if (out.integrity_offset != 0) {
      continue;
    } else if (attribute == kMessageIntegrity) {
      if (length != kSha1) return std::nullopt;
      out.integrity_offset = offset;
    } else {
      read_attribute(attribute, value, out);
    }
  }
  return out;
}

bool has_integrity(Bytes datagram, const Message& message, std::string_view password) {
  const std::size_t at = message.integrity_offset;
  if (at == 0 || at + kAttributeHead + kSha1 > datagram.size()) return false;
  const auto expected = integrity(datagram, at, password);
  return CRYPTO_memcmp(expected.data(), datagram.data() + at + kAttributeHead, kSha1) == 0;
}

Writer::Writer(Type type, const TransactionId& transaction) : transaction_(transaction) {
  out_.reserve(128);
  out_.resize(kHeader);
  store_be<std::uint16_t>(out_.data(), static_cast<std::uint16_t>(type));
  store_be<std::uint32_t>(out_.data() + 4, kCookie);
  std::ranges::copy(transaction, out_.begin() + 8);
}

std::byte* Writer::attribute(std::uint16_t type, std::size_t length) {
  const std::size_t at = out_.size();
  out_.resize(at + kAttributeHead + (length + 3) / 4 * 4);
  store_be<std::uint16_t>(out_.data() + at, type);
  store_be<std::uint16_t>(out_.data() + at + 2, static_cast<std::uint16_t>(length));
  return out_.data() + at + kAttributeHead;
}

void Writer::set_length(std::size_t extra) {
  store_be<std::uint16_t>(out_.data() + 2, static_cast<std::uint16_t>(out_.size() + extra - kHeader));
}

void Writer::username(std::string_view name) {
  std::ranges::copy(as_bytes(name), attribute(kUsername, name.size()));
}

void Writer::xor_mapped_address(const SocketAddress& address) {
  const std::size_t width = address.is_v6() ? 16 : 4;
  std::byte* const value = attribute(kXorMappedAddress, 4 + width);
  value[1] = std::byte{static_cast<unsigned char>(address.is_v6() ? 2 : 1)};
  store_be<std::uint16_t>(value + 2, static_cast<std::uint16_t>(address.port() ^ (kCookie >> 16)));
  auto ip = address.bytes();
  xor_address(ip, transaction_);
  std::memcpy(value + 4, ip.data(), width);
}

void Writer::error(std::uint16_t code, std::string_view reason) {
  std::byte* const value = attribute(kErrorCode, 4 + reason.size());
  value[2] = static_cast<std::byte>(code / 100);
  value[3] = static_cast<std::byte>(code % 100);
  std::ranges::copy(as_bytes(reason), value + 4);
}

void Writer::unknown_attributes(const std::vector<std::uint16_t>& types) {
  std::byte* value = attribute(kUnknownAttributes, 2 * types.size());
  for (const std::uint16_t type : types) {
    store_be<std::uint16_t>(value, type);
    value += 2;
  }
}

void Writer::priority(std::uint32_t value) {
  store_be<std::uint32_t>(attribute(kPriority, 4), value);
}
void Writer::ice_controlling(std::uint64_t tie_breaker) {
  store_be<std::uint64_t>(attribute(kIceControlling, 8), tie_breaker);
}
void Writer::ice_controlled(std::uint64_t tie_breaker) {
  store_be<std::uint64_t>(attribute(kIceControlled, 8), tie_breaker);
}
void Writer::use_candidate() {
  (void)attribute(kUseCandidate, 0);
}

Bytes Writer::finish(std::string_view password) {
  if (!password.empty()) {
    const auto mac = integrity(out_, out_.size(), password);
    std::ranges::copy(mac, attribute(kMessageIntegrity, kSha1));
  }
  set_length(kAttributeHead + 4);
  const std::uint32_t crc = crc32(out_) ^ kFingerprintXor;
  store_be<std::uint32_t>(attribute(kFingerprint, 4), crc);
  return out_;
}

}  // namespace rtpx::stun
