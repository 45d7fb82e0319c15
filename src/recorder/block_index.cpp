#include "recorder/block_index.hpp"

#include "base/decoded_file.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostWaiting = 4U << 20;  // bytes; beyond them blocks stay unproven

}  // namespace

Result<std::shared_ptr<BlockIndex>> BlockIndex::create(FileSystem& files,
                                                       const std::filesystem::path& folder) {
  auto file = files.open(folder / kIndexFileName, OpenMode::create_new);
  if (!file) return std::unexpected(file.error());
  std::shared_ptr<BlockIndex> index(new BlockIndex(std::move(*file), folder));
  index->encoder_.begin();
  if (auto written = index->write(true); !written) return std::unexpected(written.error());
  return index;
}

BlockIndex::BlockIndex(std::unique_ptr<File> file, std::filesystem::path folder)
    : file_(std::move(file)), folder_(std::move(folder)) {}

void BlockIndex::name(const OutputFile& output) {
  if (!named_.insert(output.number).second) return;
  encoder_.file(output.number, output.content, output.path.filename().string(), output.track_id);
}

void BlockIndex::add(const WrittenBlock& block) {
  if (!is_here(*block.output) || encoder_.bytes().size() - taken_ > kMostWaiting) return;
  name(*block.output);
  encoder_.block(block.output->number, block.block);
}

void BlockIndex::end(const OutputFile& output) {
  if (!is_here(output)) return;
  name(output);
  encoder_.end(output.number, output.written.load(), output.records.load());
  named_.erase(output.number);
}

Result<void> BlockIndex::complete() {
  return rtpx::complete(*file_);
}

Result<void> BlockIndex::write(bool sync) {
  const Bytes all = encoder_.bytes();
  if (all.empty()) return {};
  const Bytes parts[] = {all.subspan(taken_)};
  std::uint64_t written = 0;
  const auto result = write_all(*file_, parts, written);
  taken_ += written;
  if (!result) return result;
  encoder_.clear();
  taken_ = 0;
  return sync ? file_->sync() : Result<void>();
}

}  // namespace rtpx
