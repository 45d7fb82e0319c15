// The index: any bytes are read, blocks come out in order, and what came out survives being written again.
// The same bytes, taken as a record file, are summed up into blocks that cover them.
#include <algorithm>

#include "base/crc32c.hpp"
#include "require.hpp"
#include "storage/index.hpp"

using namespace rtpx;

namespace {

void check(const Index& index) {
  for (const auto& [number, file] : index.files) {
    std::uint64_t at = 0;
    for (const IndexBlock& block : file.blocks) {
      require(block.length > 0 && block.offset >= at);
      at = block.offset + block.length;
    }
  }
}

void write_again(const Index& index) {
  IndexEncoder encoder;
  encoder.begin();
  for (const auto& [number, file] : index.files) {
    encoder.file(number, file.content, file.name, file.track_id);
    for (const IndexBlock& block : file.blocks) encoder.block(number, block);
    if (file.end) encoder.end(number, file.end->bytes, file.end->records);
  }
  const auto again = parse_index(encoder.bytes());
  require(again.has_value() && again->damaged_bytes == 0 && again->files.size() == index.files.size());
  for (const auto& [number, file] : index.files) require(again->files.at(number).blocks == file.blocks);
}

void sum_up(Bytes bytes) {
  BlockSummer summer;
  std::uint64_t covered = 0;
  std::size_t piece = 1;
  for (std::size_t at = 0; at < bytes.size(); piece = piece * 7 % 61 + 1) {
    const std::size_t part = std::min(piece, bytes.size() - at);
    summer.append(bytes.subspan(at, part));
    at += part;
    if (summer.pending() < 100 && at < bytes.size()) continue;
    const auto block = summer.finish();
    require(block && block->offset == covered && block->crc == crc32c(bytes.subspan(covered, block->length)));
    require(block->first_record == IndexBlock::kNoRecord || block->first_record < block->length);
    require((block->records == 0) == (block->first_record == IndexBlock::kNoRecord));
    covered += block->length;
  }
  require(covered == bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  if (const auto index = parse_index(bytes)) {
    check(*index);
    write_again(*index);
  }
  sum_up(bytes);
  return 0;
}
