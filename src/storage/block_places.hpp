#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "base/data_extents.hpp"
#include "base/file_system.hpp"
#include "storage/index.hpp"

namespace rtpx {

/// Stretches of one file that are proven.
class ProvenBytes {
 public:
  void add(std::uint64_t from, std::uint64_t to) {
    std::uint64_t& end = ends_[from];
    end = std::max(end, to);
  }
  [[nodiscard]] bool covers(std::uint64_t from, std::uint64_t to) const;
  /// Where the proven stretch ends that `at` lies in; `at` when it lies in none.
  [[nodiscard]] std::uint64_t end_of(std::uint64_t at) const;

 private:
  std::map<std::uint64_t, std::uint64_t> ends_;  // by where they begin
};

/// Finds where the blocks of a file lie now, also those that damage before them has moved: such a block is
/// known by the receive time of its first record, and its neighbours by lying beside it.
class BlockPlaces {
 public:
  static constexpr std::uint64_t kNowhere = UINT64_MAX;

  /// All outlive this; `extents` are the file's.
  BlockPlaces(const File& file, const DataExtents& extents, const std::vector<IndexBlock>& blocks)
      : file_(file), extents_(extents), blocks_(blocks), places_(blocks.size(), kNowhere) {}

  /// Block `number` is at `offset`.
  void found(std::size_t number, std::uint64_t offset);
  /// Looks for the blocks that were not found. What cannot be read is passed over.
  void find_moved();
  /// By number: where each begins, or kNowhere.
  [[nodiscard]] const std::vector<std::uint64_t>& places() const { return places_; }

 private:
  struct Moved {
    std::size_t number = 0;
    int tries = 0;
  };
  void search(std::uint64_t size);
  bool look(std::uint64_t offset, std::int64_t time_ms);
  void follow(std::size_t number, std::uint64_t offset);
  [[nodiscard]] bool matches(std::uint64_t offset, const IndexBlock& block);

  const File& file_;
  const DataExtents& extents_;
  const std::vector<IndexBlock>& blocks_;
  std::vector<std::uint64_t> places_;
  std::uint64_t size_ = 0, budget_ = 0;  // of the file; bytes that may still be summed up to find blocks
  ProvenBytes proven_;
  std::multimap<std::int64_t, Moved> moved_;  // by first receive time
  std::vector<std::byte> buffer_;
};

}  // namespace rtpx
