#pragma once

#include "sealed/aes_gcm.hpp"
#include "sealed/crypto.hpp"

namespace rtpx::sealed {

// Blocks are sealed with nonce `seal`: as 8 big-endian bytes and 16 zeros for XChaCha20-Poly1305 (IETF), and 4 zeros for
// AES-256-GCM. What is derived from a file's key is kept from block to block. One thread at a time.

/// Encrypts the blocks of one file. `key` outlives it, and has not been wiped while blocks are sealed.
class BlockSealer {
 public:
  explicit BlockSealer(const FileKey& key) noexcept : key_(key), aes_(key, AesGcm::Way::encrypt) {}

  /// A block whose ciphertext goes to `to`. A `seal` must not come twice with one key. False, here and below: the
  /// library cannot (there is no memory); the block is given up with the next begin().
  [[nodiscard]] bool begin(std::uint64_t seal, Bytes associated, std::byte* to) noexcept;
  /// Its next bytes, which may come in any pieces.
  [[nodiscard]] bool add(Bytes plain) noexcept;
  /// Now the ciphertext is whole; `crc` is its crc32c().
  [[nodiscard]] bool end(Tag& tag, std::uint32_t& crc) noexcept;

  /// Zeroes what was derived from the key.
  void wipe() noexcept { aes_.wipe(); }

 private:
  [[nodiscard]] bool uses_aes() const noexcept { return key_.cipher == Cipher::aes_256_gcm; }

  const FileKey& key_;
  AesGcm aes_;
  std::uint64_t seal_ = 0;
  Bytes associated_;
  std::byte* to_ = nullptr;   // of the block
  std::size_t length_ = 0;    // of what was added
  std::uint32_t crc_ = 0;     // of what is encrypted
};

/// Decrypts the blocks of one file. `key` outlives it.
class BlockOpener {
 public:
  explicit BlockOpener(const FileKey& key) noexcept : key_(key), aes_(key, AesGcm::Way::decrypt) {}

  /// Into `to`, which has the size of `sealed` and may be the same memory. False: it is not what was sealed, and `to`
  /// is zeroed.
  [[nodiscard]] bool open(std::uint64_t seal, Bytes associated, Bytes sealed, const Tag& tag, std::byte* to) noexcept;

 private:
  const FileKey& key_;
  AesGcm aes_;
};

}  // namespace rtpx::sealed
