#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/file_system.hpp"
#include "rtpx/result.hpp"
#include "storage/record_format.hpp"

namespace rtpx {

/// One record as it lies in the file(s) of a track.
struct Record {
  RecordHeader header;
  std::uint64_t offset = 0;  ///< of the record's header, counted over all files of the track in order
  Bytes packet;              ///< valid until the next call of next()
};

/// A stretch that could not be read as records.
struct DamagedRange {
  std::uint64_t offset = 0, length = 0;
  bool tail = false;  ///< it reaches the end of the file: a torn write rather than damage
};

/// Reads the records of a track in order, in large preads with fixed memory, over all files of a rotated or
/// restarted track as if they were one. Where the bytes make no sense (an impossible size, a packet that is
/// not RTP/RTCP version 2 followed by nonsense), it looks for the next offset from which several records
/// follow each other, reports the stretch as damaged and goes on there. What the disk fails to read is
/// damage.
class RecordReader {
 public:
  enum class Content : std::uint8_t { rtp, rtcp };
  /// Asked about records that look healthy, for thorough reading: true to look for others inside of it.
  using Suspicious = std::function<bool(const Record&)>;
  /// `suspicious` finds what looks alone cannot: where a stretch is missing from inside one record to inside
  /// another, and the first one's size happens to reach to a later record's end, that looks like one healthy
  /// record. For readers who know by checksums which records to doubt. `source`: opens the files; null: the operating
  /// system's, and sealed ones are refused. Errors: unsupported (sealed for others); not_found, io; the message
  /// names the file.
  [[nodiscard]] static Result<std::unique_ptr<RecordReader>> open(std::vector<std::filesystem::path> files,
                                                                  Content content = Content::rtp,
                                                                  Suspicious suspicious = {},
                                                                  std::shared_ptr<FileSystem> source = nullptr);
  virtual ~RecordReader() = default;

  /// The next record; nullopt at the end. Errors: io, naming file and offset.
  [[nodiscard]] virtual Result<std::optional<Record>> next() = 0;
  /// The record at `offset` (as Record::offset gave it), without moving; the bytes live until the next
  /// read_at().
  [[nodiscard]] virtual Result<Record> read_at(std::uint64_t offset) = 0;
  /// The file that holds `offset` (as Record::offset gives it), and where in it; beyond the end: the last one.
  struct FilePlace {
    std::filesystem::path file;
    std::uint64_t offset = 0;
  };
  [[nodiscard]] virtual FilePlace file_place(std::uint64_t offset) const = 0;
  virtual void rewind() = 0;
  /// Where the reader stands, and what it goes by when it meets damage.
  struct Place {
    std::uint64_t offset = 0;  ///< of the next record
    std::optional<std::int64_t> last_time;
    std::array<std::uint32_t, 8> ssrcs{};  ///< seen lately: simulcast layers, their RTX
    std::size_t known_ssrcs = 0, next_ssrc = 0;
  };
  [[nodiscard]] virtual Place place() const = 0;
  /// Goes to a place of a reader of the same files: from there on next() answers what that one answered.
  /// damage() keeps what lies before it, and goes on growing from there.
  virtual void go_to(const Place& place) = 0;
  [[nodiscard]] virtual const std::vector<DamagedRange>& damage() const = 0;  ///< found so far since rewind()
  [[nodiscard]] virtual std::uint64_t size() const = 0;                       ///< bytes of all files
};

}  // namespace rtpx
