// A record file out of which a stretch was taken: the blocks before it and behind it are found, and none
// where it is not. Input: bytes in a block - 1 (1 byte), stretch's offset and length (2 bytes each), the
// file.
#include "base/crc32c.hpp"
#include "memory_file.hpp"
#include "storage/block_places.hpp"

using namespace rtpx;

namespace {

std::vector<IndexBlock> blocks_of(Bytes content, std::size_t block_size) {
  BlockSummer summer;
  std::vector<IndexBlock> out;
  for (; !content.empty(); content = content.subspan(std::min(block_size, content.size()))) {
    summer.append(content.first(std::min(block_size, content.size())));
    out.push_back(*summer.finish());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader in(Bytes(reinterpret_cast<const std::byte*>(data), size));
  if (in.remaining() < 6) return 0;
  const std::size_t block_size = std::size_t{in.u8()} + 1;
  std::size_t from = in.u16(), length = in.u16();
  const Bytes content = in.take(in.remaining());
  const auto blocks = blocks_of(content, block_size);
  from = std::min(from, content.size());
  length = std::min(length, content.size() - from);
  std::vector<std::byte> left(content.begin(), content.end());
  left.erase(left.begin() + static_cast<std::ptrdiff_t>(from),
             left.begin() + static_cast<std::ptrdiff_t>(from + length));

  const fuzz::MemoryFile memory(left);
  const auto file = real_file_system().open(memory.path(), OpenMode::read);
  require(file.has_value());
  const DataExtents extents(memory.path());
  BlockPlaces places(**file, extents, blocks);
  std::size_t before = 0;
  for (; before < blocks.size() && blocks[before].offset + blocks[before].length <= from; ++before)
    places.found(before, blocks[before].offset);
  places.find_moved();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const IndexBlock& block = blocks[i];
    const std::uint64_t place = places.places()[i];
    if (i < before) require(place == block.offset);
    if (i >= before && block.offset >= from + length) require(place != BlockPlaces::kNowhere);
    if (place == BlockPlaces::kNowhere) continue;
    require(place + block.length <= left.size());
    require(crc32c(Bytes(left).subspan(place, block.length)) == block.crc);
  }
  return 0;
}
