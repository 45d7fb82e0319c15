#include "sealed/unsealed_file.hpp"

#include <algorithm>
#include <cstring>

#include "base/crc32c.hpp"

namespace rtpx::sealed {

UnsealedContent::~UnsealedContent() {
  wipe(plain_);
}

Result<std::size_t> UnsealedContent::pread(std::span<std::byte> to, std::uint64_t offset) {
  const std::uint64_t size = map_.plain_bytes();
  if (offset >= size) return 0;
  to = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), size - offset)));
  std::size_t filled = 0;
  while (filled < to.size()) {
    const std::uint64_t at = offset + filled;
    const PlacedBlock* block = map_.holds(at);
    if (block == nullptr)
      return fail(Errc::io, "Cannot read " + path_.string() + ": the block that holds byte " + std::to_string(at) +
                                " of its content is missing");
    const auto skip = static_cast<std::size_t>(at - block->header.offset);
    const std::size_t part = std::min(block->header.length - skip, to.size() - filled);
    const std::span<std::byte> here = to.subspan(filled, part);
    if (part == block->header.length && block != held_) {  // a whole block goes straight to where it is wanted
      if (auto opened = open(*block, here); !opened) return std::unexpected(opened.error());
    } else {
      const auto content = cached(*block);
      if (!content) return std::unexpected(content.error());
      std::memcpy(here.data(), content->data() + skip, part);
    }
    filled += part;
  }
  return filled;
}

Result<Bytes> UnsealedContent::cached(const PlacedBlock& block) {
  if (held_ != &block) {
    plain_.resize(block.header.length);
    error_ = open(block, plain_);
    held_ = &block;
  }
  if (!error_) return std::unexpected(error_.error());
  return Bytes(plain_);
}

Result<void> UnsealedContent::open(const PlacedBlock& block, std::span<std::byte> to) {
  sealed_.resize(block.header.length);
  const auto got = file_.pread(sealed_, block.at + BlockHeader::kBytes);
  if (!got) return std::unexpected(got.error());
  if (*got == sealed_.size() && opener_.open(block.header.seal, associated_data(id_, block.header), sealed_,
                                             block.header.tag, to.data()))
    return {};
  const bool as_written = *got == sealed_.size() && crc32c(sealed_) == block.header.crc;
  return fail(Errc::io, "Cannot read " + path_.string() + ": block " + std::to_string(block.header.number) + " at byte " +
                            std::to_string(block.at) +
                            (as_written ? " is not what was sealed: somebody has changed it" : " is damaged"));
}

void authenticate(const File& file, const FileId& id, const FileKey& key, BlockMap& map) {
  std::vector<std::byte> content;
  BlockOpener opener(key);
  map.keep_genuine([&](const PlacedBlock& block) {
    content.resize(block.header.length);
    const auto got = file.pread(content, block.at + BlockHeader::kBytes);
    return got && *got == content.size() &&
           opener.open(block.header.seal, associated_data(id, block.header), content, block.header.tag, content.data());
  });
  wipe(content);
}

Unexpected<Error> UnsealedFile::read_only() const {
  return fail(Errc::internal, path_.string() + " was opened for reading");
}

std::uint64_t UnsealedFile::unit_end(std::uint64_t offset) const {
  if (const PlacedBlock* block = map_->holds(offset)) return block->header.offset + block->header.length;
  return std::max(map_->next_held(offset), offset + 1);
}

Result<std::size_t> UnsealedFile::writev(std::span<const Bytes>) {
  return read_only();
}

Result<void> UnsealedFile::pwrite(Bytes, std::uint64_t) {
  return read_only();
}

Result<void> UnsealedFile::truncate(std::uint64_t) {
  return read_only();
}

}  // namespace rtpx::sealed
