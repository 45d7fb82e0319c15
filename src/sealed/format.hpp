#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sealed/crypto.hpp"

namespace rtpx::sealed {

// The bytes of a sealed file (docs/sealed-files.md). All integers are big endian. Values are in files: never change them.

inline constexpr std::size_t kMagicBytes = 8;
inline constexpr std::string_view kFileMagic = "RTPXSEAL", kEndMagic = "RTPXSEND";
inline constexpr std::uint16_t kMajor = 1, kMinor = 0;

/// A place of the file's key, wrapped for one recipient.
struct KeyPlace {
  Recipient::Key recipient{};
  Box box{};
};

/// What a sealed file begins with, and a complete one ends with.
struct FileHeader {
  static constexpr std::size_t kFixedBytes = 40, kPlaceBytes = 136;
  static constexpr std::uint16_t kFewestPlaces = 8, kMostPlaces = 1024;

  FileId id{};
  Cipher cipher = Cipher::xchacha20_poly1305;
  std::vector<std::optional<KeyPlace>> places;  ///< nullopt: free, or damaged

  [[nodiscard]] std::size_t bytes() const noexcept { return kFixedBytes + places.size() * kPlaceBytes; }
};

/// Bytes of the whole header, when these (kFixedBytes at least) are the beginning of one. Errors: malformed;
/// unsupported for a newer version or another cipher.
[[nodiscard]] Result<std::size_t> file_header_bytes(Bytes fixed);
/// Errors: as file_header_bytes(); malformed where bytes are missing. A damaged place is a free one.
[[nodiscard]] Result<FileHeader> parse_file_header(Bytes bytes);
[[nodiscard]] std::vector<std::byte> serialize(const FileHeader& header);
/// The bytes of one place.
void serialize(const std::optional<KeyPlace>& place, std::byte* to);

/// Behind the last block of a complete file: the file header once more, then this.
struct FileEnd {
  static constexpr std::size_t kBytes = 12;  ///< u32 bytes of the file header, kEndMagic
};

/// What stands before the ciphertext of each block.
struct BlockHeader {
  static constexpr std::size_t kBytes = 76;
  static constexpr std::size_t kMostContent = 64U << 10;

  std::uint64_t file = 0;    ///< the first 8 bytes of the file's id
  std::uint64_t number = 0;  ///< of the block in its file, from 0
  std::uint64_t offset = 0;  ///< of its content in the plain file; of the end block: the plain file's size
  std::uint64_t seal = 0;    ///< nonce: unique in the file, growing
  std::int64_t time_ms = 0;  ///< when it was sealed, since 1970
  std::uint32_t length = 0;  ///< of its content
  bool end = false;          ///< no block follows; length is 0
  std::uint32_t crc = 0;     ///< crc32c() of the ciphertext
  Tag tag{};
};

/// nullopt where no block header is: its own checksum disagrees, or what it says is impossible. `bytes`: kBytes at
/// least.
[[nodiscard]] std::optional<BlockHeader> parse_block_header(Bytes bytes) noexcept;
void serialize(const BlockHeader& header, std::byte* to) noexcept;
[[nodiscard]] std::uint64_t mark_of(const FileId& id) noexcept;

/// What a block's tag speaks for besides its content.
using Associated = std::array<std::byte, kFileIdBytes + 48>;
[[nodiscard]] Associated associated_data(const FileId& id, const BlockHeader& header) noexcept;

}  // namespace rtpx::sealed
