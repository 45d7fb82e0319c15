#include "sealed/block_map.hpp"

#include <algorithm>
#include <cstring>

#include "base/crc32c.hpp"
#include "base/data_extents.hpp"

namespace rtpx::sealed {
namespace {

constexpr std::size_t kSearchBytes = 64U << 10;
constexpr std::size_t kMostFindings = 10'000;
constexpr std::string_view kBlockMagicText = "RXSB";

std::uint64_t end_of(const PlacedBlock& block) {
  return block.header.offset + block.header.length;
}
std::uint64_t stored_end(const PlacedBlock& block) {
  return block.at + BlockHeader::kBytes + block.header.length;
}

}  // namespace

/// Goes from block header to block header.
class BlockWalk {
 public:
  BlockWalk(const File& file, const std::filesystem::path& path, const FileHeader& header, std::uint64_t size)
      : file_(file), extents_(path), header_(header), size_(size), mark_(mark_of(header.id)) {
    out_.stored_bytes_ = size;
  }

  Result<BlockMap> run() {
    std::uint64_t at = header_.bytes();
    while (at < size_) {
      if (at_file_end(at)) break;
      const auto block = read(at);
      if (!block) return std::unexpected(block.error());
      if (!*block) {
        const auto next = search(at + 1);
        if (!next) return std::unexpected(next.error());
        if (*next == size_ && torn_only_) {
          add({out_.end_ ? Finding::What::behind : Finding::What::torn, at, size_ - at});
          break;
        }
        add({out_.end_ ? Finding::What::behind : Finding::What::damaged, at, *next - at});
        at = *next;
        continue;
      }
      if (stored_end(**block) > size_) {
        add({Finding::What::torn, at, size_ - at, (*block)->header.number, 1});
        break;
      }
      place(**block);
      at = stored_end(**block);
    }
    settle();
    return std::move(out_);
  }

 private:
  /// nullopt: there is no block header. A disk that cannot read it has none either.
  Result<std::optional<PlacedBlock>> read(std::uint64_t at) {
    std::byte bytes[BlockHeader::kBytes];
    const auto got = file_.pread(bytes, at);
    if (!got && got.error().code != Errc::io) return std::unexpected(got.error());
    if (!got || *got < sizeof bytes) {
      torn_only_ = got.has_value();
      return std::nullopt;
    }
    torn_only_ = size_ - at < BlockHeader::kBytes;
    if (auto header = parse_block_header(bytes)) return PlacedBlock{at, *header};
    return std::nullopt;
  }

  /// The header's copy at the end of a complete file.
  bool at_file_end(std::uint64_t at) {
    if (size_ - at != header_.bytes() + FileEnd::kBytes) return false;
    std::vector<std::byte> bytes(header_.bytes());
    const auto got = file_.pread(bytes, at);
    if (!got || *got != bytes.size()) return false;
    const auto copy = parse_file_header(bytes);
    return copy && copy->id == header_.id;
  }

  /// Where the next block begins, or the header's copy, or the end of the file.
  Result<std::uint64_t> search(std::uint64_t from) {
    std::vector<std::byte> window(kSearchBytes + BlockHeader::kBytes);
    const std::uint64_t tail = size_ - std::min<std::uint64_t>(size_, header_.bytes() + FileEnd::kBytes);
    if (tail >= from && at_file_end(tail)) size_to_search_ = tail;
    const std::uint64_t end = size_to_search_.value_or(size_);
    while (from < end) {
      const std::uint64_t data = std::min(extents_.next_data(from), end);
      if (data > from) {
        torn_only_ = false;
        from = std::max(from, data - std::min<std::uint64_t>(data, BlockHeader::kBytes));
        if (data == end) break;
      }
      const auto got = file_.pread(window, from);
      if (!got && got.error().code != Errc::io) return std::unexpected(got.error());
      if (!got) {  // a bad sector
        torn_only_ = false;
        from += 4096 - from % 4096;
        continue;
      }
      if (const auto found = find_in(Bytes(window).first(*got), end - from)) return from + *found;
      if (*got <= BlockHeader::kBytes) break;
      from += *got < window.size() ? *got : kSearchBytes;
    }
    return end;
  }

  static std::optional<std::size_t> find_in(Bytes bytes, std::uint64_t most) {
    for (std::size_t at = 0; at + BlockHeader::kBytes <= bytes.size() && at < most;) {
      const std::size_t found = as_text(bytes).find(kBlockMagicText, at);
      if (found == std::string_view::npos || found >= most) return std::nullopt;
      if (parse_block_header(bytes.subspan(found))) return found;
      at = found + 1;
    }
    return std::nullopt;
  }

  void place(const PlacedBlock& block) {
    const std::uint64_t bytes = BlockHeader::kBytes + block.header.length, number = block.header.number;
    if (block.header.file != mark_) return add({Finding::What::foreign, block.at, bytes, number, 1});
    if (number < next_) return place_late(block);
    const bool fits = number == next_ ? block.header.offset == plain_end_ || block.header.end
                                      : block.header.offset >= plain_end_ || block.header.end;
    if (!fits || (block.header.end && number == next_ && block.header.offset > plain_end_))
      return add({Finding::What::damaged, block.at, bytes, number, 1});
    if (out_.end_) return add({Finding::What::behind, block.at, bytes, number, 1});
    if (number > next_) gaps_.push_back({block.at, next_, number - next_});
    next_ = number + 1;
    if (block.header.end) {
      out_.end_ = block;
      return;
    }
    plain_end_ = end_of(block);
    out_.blocks_.push_back(block);
  }

  /// A block whose number has passed: it is there already, or was taken from where it is missing.
  void place_late(const PlacedBlock& block) {
    const std::uint64_t number = block.header.number, bytes = BlockHeader::kBytes + block.header.length;
    const auto next = std::ranges::lower_bound(out_.blocks_, number, {},
                                               [](const PlacedBlock& one) { return one.header.number; });
    const bool there = (next != out_.blocks_.end() && next->header.number == number) ||
                       (out_.end_ && out_.end_->header.number == number);
    if (there) return add({Finding::What::repeated, block.at, bytes, number, 1});
    const std::uint64_t before = next == out_.blocks_.begin() ? 0 : end_of(*std::prev(next));
    const std::uint64_t after = next == out_.blocks_.end() ? INT64_MAX : next->header.offset;
    if (block.header.end || block.header.offset < before || end_of(block) > after)
      return add({Finding::What::damaged, block.at, bytes, number, 1});
    out_.blocks_.insert(next, block);
    plain_end_ = std::max(plain_end_, end_of(block));
    add({Finding::What::moved, block.at, bytes, number, 1});
  }

  /// What is missing for good, now that all is read; and how long the plain file is.
  void settle() {
    for (const Gap& gap : gaps_) {
      std::uint64_t first = gap.first;
      const std::uint64_t last = gap.first + gap.count;
      auto at = std::ranges::lower_bound(out_.blocks_, gap.first, {},
                                         [](const PlacedBlock& one) { return one.header.number; });
      while (first < last) {
        const std::uint64_t there = at == out_.blocks_.end() ? last : std::min((at++)->header.number, last);
        if (there > first) add({Finding::What::missing, gap.at, 0, first, there - first});
        first = there + 1;
      }
    }
    std::ranges::stable_sort(out_.findings_, {}, &Finding::at);
    out_.plain_bytes_ = out_.end_ ? out_.end_->header.offset : plain_end_;
  }

  void add(Finding finding) {
    if (out_.findings_.size() < kMostFindings) out_.findings_.push_back(finding);
  }

  struct Gap {
    std::uint64_t at, first, count;
  };
  const File& file_;
  const DataExtents extents_;
  const FileHeader& header_;
  const std::uint64_t size_, mark_;
  std::optional<std::uint64_t> size_to_search_;
  BlockMap out_;
  std::vector<Gap> gaps_;
  std::uint64_t next_ = 0, plain_end_ = 0;
  bool torn_only_ = false;  // what is left is shorter than a header
};

std::string text_of(const Finding& finding) {
  const std::string at = " at byte " + std::to_string(finding.at);
  const std::string block = "block " + std::to_string(finding.first);
  switch (finding.what) {
    case Finding::What::damaged:
      if (finding.count == 1) return block + at + " is damaged";
      return std::to_string(finding.length) + " bytes" + at + " are damaged";
    case Finding::What::missing:
      if (finding.count == 1) return block + " is missing" + at;
      return "blocks " + std::to_string(finding.first) + " to " + std::to_string(finding.first + finding.count - 1) +
             " are missing" + at;
    case Finding::What::moved:
      return block + at + " was moved there from another place";
    case Finding::What::repeated:
      return block + at + " is there a second time";
    case Finding::What::foreign:
      return block + at + " belongs to another file";
    case Finding::What::torn:
      return "the last " + std::to_string(finding.length) + " bytes," + at + ", are a torn block";
    case Finding::What::behind:
      return std::to_string(finding.length) + " bytes" + at + " lie behind the end of the file";
  }
  return "unknown";
}

Result<BlockMap> BlockMap::read(const File& file, const std::filesystem::path& path, const FileHeader& header,
                                std::uint64_t size) {
  return BlockWalk(file, path, header, size).run();
}

BlockMap BlockMap::without_header(std::uint64_t size) {
  BlockMap out;
  out.stored_bytes_ = size;
  out.findings_.push_back({Finding::What::damaged, 0, size});
  return out;
}

const PlacedBlock* BlockMap::holds(std::uint64_t offset) const noexcept {
  auto after = std::ranges::upper_bound(blocks_, offset, {}, [](const PlacedBlock& one) { return one.header.offset; });
  if (after == blocks_.begin()) return nullptr;
  const PlacedBlock& block = *std::prev(after);
  return offset < end_of(block) ? &block : nullptr;
}

std::uint64_t BlockMap::next_held(std::uint64_t offset) const noexcept {
  if (holds(offset) != nullptr) return offset;
  const auto after =
      std::ranges::upper_bound(blocks_, offset, {}, [](const PlacedBlock& one) { return one.header.offset; });
  return after == blocks_.end() ? plain_bytes_ : std::min(after->header.offset, plain_bytes_);
}

void BlockMap::keep_genuine(const std::function<bool(const PlacedBlock&)>& genuine) {
  const auto forged = [&](const PlacedBlock& block) {
    findings_.push_back({Finding::What::damaged, block.at, BlockHeader::kBytes + block.header.length,
                         block.header.number, 1});
    return true;
  };
  std::uint64_t plain_end = 0;
  std::erase_if(blocks_, [&](const PlacedBlock& block) {
    if (block.header.offset != plain_end && !genuine(block)) return forged(block);
    plain_end = end_of(block);
    return false;
  });
  if (end_ && !genuine(*end_)) {
    forged(*end_);
    end_.reset();
  }
  if (!end_) plain_bytes_ = plain_end;
  std::ranges::stable_sort(findings_, {}, &Finding::at);
}

Result<std::vector<Finding>> check_blocks(const File& file, const BlockMap& map,
                                          const std::function<bool(std::uint64_t)>& progress) {
  std::vector<Finding> out = map.findings();
  std::vector<std::byte> buffer(BlockHeader::kMostContent);
  for (const PlacedBlock& block : map.blocks()) {
    const std::span<std::byte> content = std::span(buffer).first(block.header.length);
    const auto got = file.pread(content, block.at + BlockHeader::kBytes);
    const bool right = got && *got == content.size() && crc32c(content) == block.header.crc;
    if (!right && out.size() < kMostFindings)
      out.push_back({Finding::What::damaged, block.at, BlockHeader::kBytes + content.size(), block.header.number, 1});
    if (!progress(BlockHeader::kBytes + content.size())) return fail(Errc::cancelled, "Verifying was cancelled");
  }
  std::ranges::stable_sort(out, {}, &Finding::at);
  return out;
}

}  // namespace rtpx::sealed
