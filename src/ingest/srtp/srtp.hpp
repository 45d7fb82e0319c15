#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

enum class SrtpProfile : std::uint8_t { aead_aes_128_gcm, aes128_cm_sha1_80, aes128_cm_sha1_32 };

/// Master key and salt of one direction. Secret: never logged or put into messages.
struct SrtpKeys {
  SrtpProfile profile = SrtpProfile::aead_aes_128_gcm;
  std::vector<std::byte> key_and_salt;
  std::vector<std::byte> mki;  ///< master key identifier at the end of each packet (RFC 3711 section 3.1)
};

/// Bytes of master key and of master salt (RFC 3711 section 8.2, RFC 7714 section 12).
[[nodiscard]] constexpr std::size_t srtp_key_size(SrtpProfile) noexcept {
  return 16;
}
[[nodiscard]] constexpr std::size_t srtp_salt_size(SrtpProfile profile) noexcept {
  return profile == SrtpProfile::aead_aes_128_gcm ? 12 : 14;
}

/// One direction of SRTP and SRTCP for all SSRCs, over libsrtp2. The replay window is 8192 packets, so that
/// late retransmissions pass. One thread at a time.
class Srtp {
 public:
  enum class Direction : std::uint8_t { receive, send };
  /// Several keys are told apart by their MKIs, which have one length; sending uses the first. Errors:
  /// invalid_argument (a key of a wrong length, or keys that do not fit together), internal.
  [[nodiscard]] static Result<Srtp> create(std::span<const SrtpKeys> keys, Direction direction);
  [[nodiscard]] static Result<Srtp> create(const SrtpKeys& keys, Direction direction) {
    return create(std::span(&keys, 1), direction);
  }
  Srtp() = default;
  Srtp(Srtp&&) noexcept;
  Srtp& operator=(Srtp&&) noexcept;
  ~Srtp();
  [[nodiscard]] explicit operator bool() const noexcept { return context_ != nullptr; }

  enum class Failure : std::uint8_t { none, replayed, refused };
  /// Decrypts in place; the answer is the packet, shorter. nullopt leaves garbage in `packet`.
  [[nodiscard]] std::optional<Bytes> unprotect_rtp(std::span<std::byte> packet, Failure& why) noexcept;
  [[nodiscard]] std::optional<Bytes> unprotect_rtcp(std::span<std::byte> packet, Failure& why) noexcept;

  /// Lets go of what is kept for an SSRC that was received. Should it come back, its packets from before are
  /// no longer told from new ones.
  void forget(std::uint32_t ssrc) noexcept;

  static constexpr std::size_t kMaxMki = 128;
  /// Most bytes that protecting adds: index, tag and MKI.
  static constexpr std::size_t kOverhead = 32 + kMaxMki;
  /// Encrypts in place; `buffer` holds `size` bytes and has room for kOverhead more.
  [[nodiscard]] std::optional<Bytes> protect_rtp(std::span<std::byte> buffer, std::size_t size) noexcept;
  [[nodiscard]] std::optional<Bytes> protect_rtcp(std::span<std::byte> buffer, std::size_t size) noexcept;

 private:
  void* context_ = nullptr;  // srtp_t
  bool mki_ = false;
};

}  // namespace rtpx
