#include "storage/block_places.hpp"

#include <algorithm>

#include "base/crc32c.hpp"

namespace rtpx {

namespace {

constexpr std::size_t kScanBytes = 256U << 10;
constexpr std::size_t kSector = 4U << 10;
constexpr std::uint64_t kMostHole = 64U << 10;  // no packet is longer
constexpr int kMaxTries = 100;  // places where one moved block is looked for: records of the same time

}  // namespace

bool ProvenBytes::covers(std::uint64_t from, std::uint64_t to) const {
  return from >= to || end_of(from) >= to;
}

std::uint64_t ProvenBytes::end_of(std::uint64_t at) const {
  for (auto next = ends_.upper_bound(at); next != ends_.begin(); next = ends_.upper_bound(at)) {
    if (std::prev(next)->second <= at) break;
    at = std::prev(next)->second;
  }
  return at;
}

void BlockPlaces::found(std::size_t number, std::uint64_t offset) {
  places_[number] = offset;
  proven_.add(offset, offset + blocks_[number].length);
}

void BlockPlaces::find_moved() {
  const auto size = file_.size();
  if (!size || blocks_.empty()) return;
  size_ = *size;
  budget_ = kMaxTries * extents_.bytes();
  if (const IndexBlock& last = blocks_.back();
      places_.back() == kNowhere && *size >= last.length && matches(*size - last.length, last))
    found(blocks_.size() - 1, *size - last.length);
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    if (places_[i] != kNowhere) follow(i, places_[i]);
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    if (places_[i] == kNowhere && blocks_[i].first_record != IndexBlock::kNoRecord)
      moved_.emplace(blocks_[i].first_time_ms, Moved{i, 0});
  search(*size);
}

/// Looks at every offset that is not proven for the header that a moved block begins with.
void BlockPlaces::search(std::uint64_t size) {
  constexpr std::size_t kHeader = RecordHeader::kBytes;
  std::vector<std::byte> window(kScanBytes);
  for (std::uint64_t at = proven_.end_of(0); at + kHeader <= size && !moved_.empty();
       at = proven_.end_of(at)) {
    const std::uint64_t data = extents_.next_data(at);
    if (data >= size) break;
    if (data - at > kHeader) {  // nothing begins in a hole
      at = data - kHeader;
      continue;
    }
    auto got = file_.pread(window, at);
    if (!got) got = file_.pread(std::span(window).first(kSector), at);
    if (!got || *got < kHeader) {  // a bad sector
      at += kSector;
      continue;
    }
    const std::size_t offsets = *got - kHeader + 1;
    std::size_t i = 0;
    while (i < offsets && !look(at + i, load_be<std::int64_t>(window.data() + i + 1))) ++i;
    at += i;
  }
}

/// Whether a moved block's first record begins at `offset`, and then where those around it are.
bool BlockPlaces::look(std::uint64_t offset, std::int64_t time_ms) {
  if (moved_.empty() || time_ms < moved_.begin()->first || time_ms > moved_.rbegin()->first) return false;
  const auto [first, last] = moved_.equal_range(time_ms);
  for (auto at = first; at != last;) {
    const std::size_t number = at->second.number;
    const IndexBlock& block = blocks_[number];
    const bool fits = places_[number] == kNowhere && offset >= block.first_record;
    if (fits && matches(offset - block.first_record, block)) {
      moved_.erase(at);
      found(number, offset - block.first_record);
      follow(number, places_[number]);
      return true;
    }
    at = places_[number] != kNowhere || ++at->second.tries == kMaxTries ? moved_.erase(at) : std::next(at);
  }
  return false;
}

/// Block `number` is at `offset`: as long as those behind it, and those before it, agree there, they are too.
void BlockPlaces::follow(std::size_t number, std::uint64_t offset) {
  std::uint64_t end = offset + blocks_[number].length;
  for (std::size_t i = number + 1; i < blocks_.size(); ++i) {
    const bool neighbour = blocks_[i].offset == blocks_[i - 1].offset + blocks_[i - 1].length;
    if (!neighbour || places_[i] != kNowhere || !matches(end, blocks_[i])) break;
    found(i, end);
    end += blocks_[i].length;
  }
  for (std::size_t i = number; i-- > 0; offset = places_[i]) {
    const bool neighbour = blocks_[i].offset + blocks_[i].length == blocks_[i + 1].offset;
    if (!neighbour || places_[i] != kNowhere || offset < blocks_[i].length ||
        !matches(offset - blocks_[i].length, blocks_[i]))
      break;
    found(i, offset - blocks_[i].length);
  }
}

bool BlockPlaces::matches(std::uint64_t offset, const IndexBlock& block) {
  if (offset > size_ || block.length > size_ - offset || block.length > budget_ ||
      extents_.has_hole(offset, offset + block.length, kMostHole))
    return false;
  budget_ -= block.length;
  buffer_.resize(std::min<std::size_t>(block.length, kScanBytes));
  std::uint32_t crc = 0;
  for (std::uint32_t left = block.length; left > 0;) {
    const std::size_t part = std::min<std::size_t>(left, buffer_.size());
    const auto got = file_.pread(std::span(buffer_).first(part), offset + block.length - left);
    if (!got || *got < part) return false;
    crc = crc32c(Bytes(buffer_).first(part), crc);
    left -= static_cast<std::uint32_t>(part);
  }
  return crc == block.crc;
}

}  // namespace rtpx
