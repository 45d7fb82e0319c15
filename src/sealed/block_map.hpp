#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.hpp"
#include "sealed/format.hpp"

namespace rtpx::sealed {

/// A block of a sealed file, as its header tells.
struct PlacedBlock {
  std::uint64_t at = 0;  ///< of the block's header in the file on disk
  BlockHeader header;
};

/// Something about a sealed file's blocks that is not as it was written. It is seen without a key, so that who has
/// changed the file on purpose may have hidden it; with a key nothing can be hidden.
struct Finding {
  enum class What : std::uint8_t {
    damaged,   ///< these bytes are no blocks, or a block's checksum disagrees
    missing,   ///< blocks that should be here are nowhere
    moved,     ///< a block lies at another place than where it was written
    repeated,  ///< a block that is there already
    foreign,   ///< a block of another file
    torn,      ///< the file ends within a block: what a crash leaves
    behind,    ///< bytes behind the end of a complete file
  };
  What what = What::damaged;
  std::uint64_t at = 0, length = 0;     ///< in the file on disk
  std::uint64_t first = 0, count = 0;   ///< of the blocks; count 0: not known
};
/// "block 12 at byte 8123 belongs elsewhere: it was moved"
[[nodiscard]] std::string text_of(const Finding& finding);

/// Where the blocks of a sealed file are, by their headers alone. Blocks that were moved are found where they are.
class BlockMap {
 public:
  /// Goes through `file`, which has `size` bytes and this header; `path` says where its holes are. Errors: io, naming
  /// the file.
  [[nodiscard]] static Result<BlockMap> read(const File& file, const std::filesystem::path& path,
                                             const FileHeader& header, std::uint64_t size);

  /// Of a file whose header is damaged, so that nothing of it can be opened.
  [[nodiscard]] static BlockMap without_header(std::uint64_t size);

  /// Bytes of the plain file, as far as blocks are left.
  [[nodiscard]] std::uint64_t plain_bytes() const noexcept { return plain_bytes_; }
  /// Bytes of the file on disk when it was read.
  [[nodiscard]] std::uint64_t stored_bytes() const noexcept { return stored_bytes_; }
  /// It has its end block: nothing was cut off behind it.
  [[nodiscard]] bool complete() const noexcept { return end_.has_value(); }
  [[nodiscard]] const std::optional<PlacedBlock>& end() const noexcept { return end_; }
  /// Those with content, by offset, without overlaps.
  [[nodiscard]] const std::vector<PlacedBlock>& blocks() const noexcept { return blocks_; }
  /// By where they are in the file on disk.
  [[nodiscard]] const std::vector<Finding>& findings() const noexcept { return findings_; }
  /// The block that holds this byte of the plain file; nullptr: none.
  [[nodiscard]] const PlacedBlock* holds(std::uint64_t offset) const noexcept;
  /// The first byte from `offset` on that a block holds, or plain_bytes().
  [[nodiscard]] std::uint64_t next_held(std::uint64_t offset) const noexcept;

  /// With a key: leaves out blocks behind a gap, and an end, that `genuine` says nobody sealed, so that a forged header
  /// cannot make the file seem long. They are noted as damaged.
  void keep_genuine(const std::function<bool(const PlacedBlock&)>& genuine);

 private:
  friend class BlockWalk;
  std::uint64_t plain_bytes_ = 0, stored_bytes_ = 0;
  std::vector<PlacedBlock> blocks_;
  std::optional<PlacedBlock> end_;
  std::vector<Finding> findings_;
};

/// Compares the ciphertext of each block with its checksum, and adds what disagrees to what the map has found.
/// `progress` is told bytes that were read; false: stop. Errors: cancelled.
[[nodiscard]] Result<std::vector<Finding>> check_blocks(const File& file, const BlockMap& map,
                                                        const std::function<bool(std::uint64_t)>& progress);

}  // namespace rtpx::sealed
