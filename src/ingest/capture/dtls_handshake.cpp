#include "ingest/capture/dtls_handshake.hpp"

#include <algorithm>

namespace rtpx::capture {
namespace {

constexpr std::uint8_t kHandshake = 22, kClientHello = 1, kServerHello = 2;
constexpr std::uint16_t kUseSrtp = 14, kSupportedVersions = 43, kDtls13 = 0xFEFC;

/// The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3): its first bytes.
constexpr std::uint32_t kRetry = 0xCF21AD74;

std::optional<SrtpProfile> profile_of(std::uint16_t id) {
  switch (id) {  // RFC 5764 section 4.1.2, RFC 7714 section 14.2
    case 0x0001:
      return SrtpProfile::aes128_cm_sha1_80;
    case 0x0002:
      return SrtpProfile::aes128_cm_sha1_32;
    case 0x0007:
      return SrtpProfile::aead_aes_128_gcm;
    case 0x0008:
      return SrtpProfile::aead_aes_256_gcm;
    default:
      return std::nullopt;
  }
}

void read_extensions(ByteReader in, DtlsSession& session) {
  in.skip(2);
  while (in.remaining() >= 4) {
    const std::uint16_t type = in.u16();
    const std::uint16_t size = in.u16();
    ByteReader value(in.take(std::min<std::size_t>(size, in.remaining())));
    if (type == kSupportedVersions) session.version_13 = value.u16() == kDtls13;
    if (type == kUseSrtp && value.u16() == 2) session.profile = profile_of(value.u16());
  }
}

/// RFC 9147 section 5.3, RFC 6347 section 4.2.
Hello read_hello(std::uint8_t type, ByteReader in, DtlsSession& session) {
  in.skip(2);
  const Bytes random = in.take(ClientRandom().size());
  if (!in.ok()) return Hello::none;
  if (type == kClientHello) {
    // The answer to a cookie or a retry repeats the random: the session goes on.
    if (!std::ranges::equal(session.client_random, random)) session = {};
    std::ranges::copy(random, session.client_random.begin());
    return Hello::client;
  }
  if (load_be<std::uint32_t>(random.data()) == kRetry) return Hello::none;
  std::ranges::copy(random, session.server_random.begin());
  session.has_server = true;
  in.skip(in.u8());
  session.cipher_suite = in.u16();
  in.skip(1);
  if (in.ok()) read_extensions(in, session);
  return Hello::server;
}

}  // namespace

bool looks_like_dtls(Bytes datagram) noexcept {
  return datagram.size() >= 13 && datagram[0] >= std::byte{20} && datagram[0] <= std::byte{63};
}

Hello read_hellos(Bytes datagram, DtlsSession& session) {
  Hello seen = Hello::none;
  ByteReader in(datagram);
  while (in.remaining() >= 13) {
    const std::uint8_t type = in.u8();
    in.skip(2);
    const std::uint16_t epoch = in.u16();
    in.skip(6);
    const std::size_t size = in.u16();
    ByteReader record(in.take(std::min(size, in.remaining())));
    if (type != kHandshake || epoch != 0) continue;
    while (record.remaining() >= 12) {
      const std::uint8_t message = record.u8();
      record.skip(5);
      const std::uint32_t offset = record.u24();
      const std::size_t length = record.u24();
      const Bytes fragment = record.take(std::min(length, record.remaining()));
      if (offset != 0 || (message != kClientHello && message != kServerHello)) continue;
      const Hello hello = read_hello(message, ByteReader(fragment), session);
      if (hello != Hello::none) seen = hello;
    }
  }
  return seen;
}

}  // namespace rtpx::capture
