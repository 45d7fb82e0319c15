#pragma once

#include <cstdint>
#include <filesystem>

namespace rtpx {

/// Where a file has bytes and where it has holes, which read as zeros, take no room, and may be terabytes long. A
/// file that cannot be asked has none. Not for two threads at once.
class DataExtents {
 public:
  explicit DataExtents(const std::filesystem::path& file);
  ~DataExtents();
  DataExtents(const DataExtents&) = delete;
  DataExtents& operator=(const DataExtents&) = delete;

  /// The first offset from `offset` on that is in no hole; UINT64_MAX when all the rest is one.
  [[nodiscard]] std::uint64_t next_data(std::uint64_t offset) const;
  /// Where the next hole begins, from `offset` on: at the end of the file at the latest.
  [[nodiscard]] std::uint64_t next_hole(std::uint64_t offset) const;
  /// Some hole of more than `length` bytes lies between `from` and `to`, or a part of one.
  [[nodiscard]] bool has_hole(std::uint64_t from, std::uint64_t to, std::uint64_t length) const;

  /// The bytes that are in no hole. Of a file with very many holes: those of the first thousands of stretches.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  int descriptor_ = -1;
};

}  // namespace rtpx
