#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "ingest/srtp/srtp_keys.hpp"

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace rtpx {

enum class SrtpProtocol : std::uint8_t { rtp, rtcp };

/// What packets are protected with (RFC 3711 section 4.3). Secret.
struct SrtpSessionKeys {
  std::vector<std::byte> key, salt;
  std::vector<std::byte> authentication;  ///< none with AEAD
};
/// The keys that follow from a master key of the right length. nullopt: OpenSSL refuses.
[[nodiscard]] std::optional<SrtpSessionKeys> derive_session_keys(const SrtpKeys& master,
                                                                 SrtpProtocol protocol);

/// Encrypts and authenticates packets of one protocol in one direction, by OpenSSL: AES in counter mode with
/// HMAC-SHA1 (RFC 3711 section 4, RFC 6188) or AES-GCM (RFC 7714). Knows no SSRCs and no order of packets.
/// One thread at a time.
class SrtpCipher {
 public:
  enum class Direction : std::uint8_t { receive, send };
  /// nullopt: OpenSSL refuses.
  [[nodiscard]] static std::optional<SrtpCipher> create(SrtpProfile profile, SrtpProtocol protocol,
                                                        const SrtpSessionKeys& keys, Direction direction);

  /// Bytes of the authentication tag.
  [[nodiscard]] std::size_t tag_size() const noexcept { return tag_size_; }
  /// The tag is the cipher's own. Else it is HMAC-SHA1's, over the encrypted packet and the rollover counter.
  [[nodiscard]] bool aead() const noexcept { return mac_ == nullptr; }

  /// Which packet: makes up the initialization vector.
  struct Number {
    std::uint32_t ssrc = 0;
    std::uint64_t index = 0;  ///< 48 bits for RTP, 31 for RTCP
  };
  /// Decrypts all but the first `clear` bytes of `packet` in place. `associated` is authenticated after the
  /// packet and is not part of it. False: not authentic; `packet` is garbage then.
  [[nodiscard]] bool open(const Number& number, std::span<std::byte> packet, std::size_t clear,
                          Bytes associated, Bytes tag) noexcept;
  /// The inverse; fills `tag`. False: OpenSSL refuses.
  [[nodiscard]] bool seal(const Number& number, std::span<std::byte> packet, std::size_t clear,
                          Bytes associated, std::span<std::byte> tag) noexcept;

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const noexcept;
    void operator()(evp_mac_ctx_st* context) const noexcept;
  };
  static constexpr std::size_t kVector = 16;

  SrtpCipher() = default;
  [[nodiscard]] bool begin(const Number& number) noexcept;
  [[nodiscard]] bool code(std::span<std::byte> text) noexcept;
  [[nodiscard]] bool authenticate(Bytes bytes) noexcept;
  [[nodiscard]] bool authentication_tag(Bytes packet, Bytes associated, std::span<std::byte> tag) noexcept;

  std::unique_ptr<evp_cipher_ctx_st, Free> cipher_;
  std::unique_ptr<evp_mac_ctx_st, Free> mac_;
  std::array<std::byte, kVector> salt_{};
  std::size_t tag_size_ = 0;
};

}  // namespace rtpx
