#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

/// What end-to-end encryption needs of OpenSSL's libcrypto, without its handles.
namespace rtpx {

/// Bytes that are zeroed before their memory is given back. Not resized once made.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size) : bytes_(size) {}
  explicit SecretBytes(Bytes bytes) : bytes_(bytes.begin(), bytes.end()) {}
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::span<std::byte> writable() noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

 private:
  std::vector<std::byte> bytes_;
};

/// Zeroes memory in a way that no compiler leaves out.
void wipe(std::span<std::byte> bytes) noexcept;

enum class HashName : std::uint8_t { sha256, sha512 };

/// HMAC (RFC 2104) over the parts one after another.
[[nodiscard]] SecretBytes hmac(HashName hash, Bytes key, std::initializer_list<Bytes> parts);
/// RFC 5869, both steps and each alone.
[[nodiscard]] SecretBytes hkdf(HashName hash, Bytes salt, Bytes key, Bytes info, std::size_t size);
[[nodiscard]] SecretBytes hkdf_extract(HashName hash, Bytes salt, Bytes key);
[[nodiscard]] SecretBytes hkdf_expand(HashName hash, Bytes secret, Bytes info, std::size_t size);
/// PBKDF2 (RFC 8018) with HMAC-SHA-256.
[[nodiscard]] SecretBytes pbkdf2_sha256(Bytes password, Bytes salt, int iterations, std::size_t size);

/// AES-GCM (NIST SP 800-38D) with a tag of 16 bytes at the end of `sealed`; the key's size (16 or 32) chooses
/// the cipher. nullopt: the tag does not fit. `iv` has 12 bytes.
[[nodiscard]] std::optional<std::vector<std::byte>> open_aes_gcm(Bytes key, Bytes iv, Bytes associated,
                                                                 Bytes sealed);
/// AES in counter mode over `bytes`; the whole `iv` (16 bytes) counts.
[[nodiscard]] std::vector<std::byte> aes_ctr(Bytes key, Bytes iv, Bytes bytes);
/// In constant time.
[[nodiscard]] bool same_bytes(Bytes one, Bytes other) noexcept;

}  // namespace rtpx
