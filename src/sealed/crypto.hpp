#pragma once

#include <array>
#include <optional>

#include "base/bytes.hpp"
#include "rtpx/sealed.hpp"

namespace rtpx::sealed {

// All cryptography of sealed files: libsodium's, and OpenSSL's AES-256-GCM, which is several times as fast where the CPU
// has AES. Here: keys; block_cipher.hpp: blocks.

inline constexpr std::size_t kTagBytes = 16;  ///< of Poly1305, and of GCM
inline constexpr std::size_t kFileIdBytes = 16;
inline constexpr std::size_t kBoxBytes = 96;  ///< a file's key and id in a sealed box: 48 bytes and 48 of overhead

using FileId = std::array<std::byte, kFileIdBytes>;
using Tag = std::array<std::byte, kTagBytes>;
using Box = std::array<std::byte, kBoxBytes>;

/// Bytes as the C libraries take them.
[[nodiscard]] inline const unsigned char* raw(const std::byte* bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes);
}
[[nodiscard]] inline unsigned char* raw(std::byte* bytes) noexcept { return reinterpret_cast<unsigned char*>(bytes); }

/// What seals the blocks of a file. Values are in files: never change them.
enum class Cipher : std::uint16_t { xchacha20_poly1305 = 1, aes_256_gcm = 2 };

/// What new files are sealed with here: AES-256-GCM where the CPU has AES, else XChaCha20-Poly1305.
[[nodiscard]] Cipher fastest_cipher() noexcept;

/// The key of one file; zeroed at the end.
class FileKey {
 public:
  FileKey() = default;
  FileKey(const FileKey& other) = default;
  FileKey& operator=(const FileKey& other) = default;
  ~FileKey() { wipe(); }
  void wipe() noexcept;
  std::array<std::byte, 32> bytes{};
  Cipher cipher = Cipher::xchacha20_poly1305;
};

/// Prepares libsodium. Errors: internal, where it cannot be used.
[[nodiscard]] Result<void> prepare();
void fill_random(std::span<std::byte> to) noexcept;
void wipe(std::span<std::byte> bytes) noexcept;

/// crypto_box_seal() of the key and the file's id for one recipient. Errors: invalid_argument: the recipient's key is
/// none (of small order).
[[nodiscard]] Result<Box> wrap(const FileKey& key, const FileId& id, const Recipient& recipient);
/// nullopt: not for this identity, or not of this file.
[[nodiscard]] std::optional<FileKey> unwrap(const Box& box, const FileId& id, const Identity& identity);

}  // namespace rtpx::sealed
