#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "ingest/srtp/srtp_cipher.hpp"
#include "ingest/srtp/srtp_keys.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// One direction of SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714) for all SSRCs. The replay window is 8192
/// packets, so that late retransmissions pass. Nothing is learned from a packet that is not authentic.
/// Memory: a kilobyte for each of at most kMaxSources SSRCs; beyond them the one idle longest is forgotten.
/// One thread at a time.
class Srtp {
 public:
  using Direction = SrtpCipher::Direction;
  /// Several keys are told apart by their MKIs, which have one length; sending uses the first. Errors:
  /// invalid_argument (a key of a wrong length, or keys that do not fit together), internal.
  [[nodiscard]] static Result<Srtp> create(std::span<const SrtpKeys> keys, Direction direction);
  [[nodiscard]] static Result<Srtp> create(const SrtpKeys& keys, Direction direction) {
    return create(std::span(&keys, 1), direction);
  }
  Srtp() noexcept;
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

  static constexpr std::size_t kMaxMki = 128, kMaxKeys = 16, kMaxSources = 1024;
  /// Most bytes that protecting adds: index, tag and MKI.
  static constexpr std::size_t kOverhead = 32 + kMaxMki;
  /// Encrypts in place; `buffer` holds `size` bytes and has room for kOverhead more. A packet may be sent
  /// again. nullopt: no RTP or RTCP, or an SSRC has used up its key (2^48 packets of RTP, 2^31 of RTCP).
  [[nodiscard]] std::optional<Bytes> protect_rtp(std::span<std::byte> buffer, std::size_t size) noexcept;
  [[nodiscard]] std::optional<Bytes> protect_rtcp(std::span<std::byte> buffer, std::size_t size) noexcept;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace rtpx
