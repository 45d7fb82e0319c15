#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/file_system.hpp"
#include "rtpx/result.hpp"
#include "storage/record_format.hpp"

namespace rtpx {

// The checksum and time index: one append-only file for each recorder, beside its manifest.
// docs/record-file-format.md, "Index". Values below are in files already: never renumber.

inline constexpr const char* kIndexFileName = "index.rtpxi";
inline constexpr std::uint16_t kIndexMajor = 1, kIndexMinor = 0;

/// A stretch of one record file, of any length; it need not begin or end with a record.
struct IndexBlock {
  static constexpr std::uint32_t kNoRecord = 0xFFFFFFFF;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t crc = 0;           ///< crc32c() of the bytes
  std::int64_t first_time_ms = 0;  ///< receive time of the first record that begins in the block (or, where
                                   ///< the block ends inside its header, of the record before)
  std::uint32_t records = 0;       ///< that begin in the block
  std::uint32_t first_record = kNoRecord;  ///< where the first one begins, from the block's start
  bool operator==(const IndexBlock&) const = default;
};

enum class IndexContent : std::uint8_t { rtp = 0, rtcp = 1 };

/// Makes the bytes to append to an index file. Any prefix of what was made so far, cut anywhere, can be read.
/// Append the entry of a block only after the block itself was synced: then whatever a crash leaves, no entry
/// speaks of bytes that were lost. Not for two threads at once.
class IndexEncoder {
 public:
  /// Begins an index: magic and version.
  void begin();
  /// Names record file `file` (numbers are the caller's, each used once, before its blocks): `name` is
  /// relative to the index's folder, at most 1024 bytes are kept of it and of `track_id`.
  void file(std::uint32_t file, IndexContent content, std::string_view name, std::string_view track_id);
  void block(std::uint32_t file, const IndexBlock& block);
  /// The file is complete: nothing is appended to it any more.
  void end(std::uint32_t file, std::uint64_t bytes, std::uint64_t records);

  /// What was made since the last clear().
  [[nodiscard]] Bytes bytes() const noexcept { return out_; }
  void clear() noexcept { out_.clear(); }

 private:
  void entry(std::uint8_t type, Bytes body);
  std::vector<std::byte> out_;
};

/// Follows the bytes that are appended to one record file, in pieces of any size, and sums them up into
/// blocks. About 0.1 ns a byte where the processor has CRC32C.
class BlockSummer {
 public:
  explicit BlockSummer(std::uint64_t offset = 0) : next_(offset) { start(); }
  void append(Bytes bytes) noexcept;
  /// Bytes since the last finish().
  [[nodiscard]] std::uint32_t pending() const noexcept { return block_.length; }
  /// Ends the block here; nullopt when it is empty. Call it before `pending()` can pass 1 GiB.
  [[nodiscard]] std::optional<IndexBlock> finish() noexcept;
  /// Records that began since construction.
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }

 private:
  void start() noexcept;
  IndexBlock block_;
  std::uint64_t next_ = 0;  // offset of the next byte
  std::uint32_t skip_ = 0;  // bytes left of the current packet
  std::uint32_t head_ = 0;  // bytes of a header gathered so far
  std::byte header_[RecordHeader::kBytes] = {};
  std::uint64_t records_ = 0;
  std::int64_t last_time_ms_ = 0;
};

/// What an index says of one record file.
struct IndexedFile {
  std::string name, track_id;
  IndexContent content = IndexContent::rtp;
  std::vector<IndexBlock>
      blocks;  ///< by offset, without overlaps: of two for the same bytes the later counts
  struct End {
    std::uint64_t bytes = 0, records = 0;
  };
  std::optional<End> end;
};

struct Index {
  std::uint16_t major = 0, minor = 0;  ///< 0 when the head is damaged
  std::map<std::uint32_t, IndexedFile>
      files;                        ///< by the writer's number; nameless when that entry is damaged
  std::uint64_t damaged_bytes = 0;  ///< not readable as entries
  bool torn = false;                ///< the last of them reach the end: a torn write
};

/// Reads an index in pieces of any size: what it takes is what the entries found take. Damaged entries, and a
/// damaged head, are skipped and counted. Total.
class IndexParser {
 public:
  void feed(Bytes piece);
  /// So many zeros: a hole of the file.
  void skip(std::uint64_t bytes);
  /// Errors: as parse_index(). To be called once, at the end.
  [[nodiscard]] Result<Index> finish();

 private:
  void read(bool to_end);

  Index index_;
  std::vector<std::byte> held_;  // not yet read
  bool began_ = false;           // the head is read, or found to be damaged
};

/// The index in a file; in memory is never more of the file than a piece. Errors: as parse_index(); io, not_found.
[[nodiscard]] Result<Index> read_index(FileSystem& files, const std::filesystem::path& file);

/// Reads an index; damaged entries, and a damaged head, are skipped and counted. Total.
/// Errors: malformed when nothing of it reads as an index; unsupported when its major version is newer.
[[nodiscard]] Result<Index> parse_index(Bytes bytes);

}  // namespace rtpx
