#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rtpx {

enum class SrtpProfile : std::uint8_t {
  aead_aes_128_gcm,
  aead_aes_256_gcm,
  aes128_cm_sha1_80,
  aes128_cm_sha1_32,
  aes256_cm_sha1_80,  ///< RFC 6188
  aes256_cm_sha1_32
};

/// Master key and salt of one direction. Secret: never logged or put into messages.
struct SrtpKeys {
  SrtpProfile profile = SrtpProfile::aead_aes_128_gcm;
  std::vector<std::byte> key_and_salt;
  std::vector<std::byte> mki;  ///< master key identifier at the end of each packet (RFC 3711 section 3.1)
};

[[nodiscard]] constexpr bool srtp_is_aead(SrtpProfile profile) noexcept {
  return profile == SrtpProfile::aead_aes_128_gcm || profile == SrtpProfile::aead_aes_256_gcm;
}
/// Bytes of master key and of master salt (RFC 3711 section 8.2, RFC 6188 section 4, RFC 7714 section 12).
/// Session keys and salts are as long.
[[nodiscard]] constexpr std::size_t srtp_key_size(SrtpProfile profile) noexcept {
  return profile == SrtpProfile::aead_aes_256_gcm || profile == SrtpProfile::aes256_cm_sha1_80 ||
                 profile == SrtpProfile::aes256_cm_sha1_32
             ? 32
             : 16;
}
[[nodiscard]] constexpr std::size_t srtp_salt_size(SrtpProfile profile) noexcept {
  return srtp_is_aead(profile) ? 12 : 14;
}

}  // namespace rtpx
