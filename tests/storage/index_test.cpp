#include "storage/index.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/crc32c.hpp"
#include "support/record_files.hpp"

namespace rtpx {
namespace {

using test::record_file;
using test::RecordFile;

std::vector<IndexBlock> summed(const RecordFile& file, std::size_t piece, std::size_t block) {
  BlockSummer summer;
  std::vector<IndexBlock> blocks;
  for (std::size_t at = 0; at < file.bytes.size(); at += piece) {
    summer.append(Bytes(file.bytes).subspan(at, std::min(piece, file.bytes.size() - at)));
    if (summer.pending() >= block) blocks.push_back(*summer.finish());
  }
  if (const auto last = summer.finish()) blocks.push_back(*last);
  EXPECT_EQ(summer.records(), file.records());
  EXPECT_FALSE(summer.finish());
  return blocks;
}

TEST(BlockSummer, CoversTheFileWhateverThePieces) {
  const RecordFile file = record_file(60, 1);
  const std::vector<IndexBlock> truth = summed(file, 1, 4000);
  for (const std::size_t piece : {2U, 3U, 5U, 8U, 10U, 1000U, 4000U}) {
    const std::vector<IndexBlock> blocks = summed(file, piece, 4000 / piece * piece);
    std::uint64_t at = 0, records = 0;
    for (const IndexBlock& block : blocks) {
      EXPECT_EQ(block.offset, at);
      EXPECT_EQ(block.crc, crc32c(Bytes(file.bytes).subspan(at, block.length)));
      ASSERT_NE(block.first_record, IndexBlock::kNoRecord);
      EXPECT_NE(std::ranges::find(file.offsets, at + block.first_record), file.offsets.end());
      const std::byte* header = file.bytes.data() + at + block.first_record;
      if (block.records > 1) {
        EXPECT_EQ(block.first_time_ms, load_record_header(header).receive_time_ms);
      }
      at += block.length;
      records += block.records;
    }
    EXPECT_EQ(at, file.bytes.size());
    EXPECT_EQ(records, file.records());
    if (4000 % piece == 0) {
      EXPECT_EQ(blocks, truth) << piece;
    }
  }
}

TEST(BlockSummer, ABlockInsideOnePacketHasNoRecord) {
  RecordFile file;
  file.add({0, 5, 0}, as_bytes(std::string(100, 'x')));
  const auto blocks = summed(file, 20, 20);
  ASSERT_EQ(blocks.size(), 6U);
  EXPECT_EQ(blocks[0].first_record, 0U);
  EXPECT_EQ(blocks[0].first_time_ms, 5);
  EXPECT_EQ(blocks[1].first_record, IndexBlock::kNoRecord);
  EXPECT_EQ(blocks[1].records, 0U);
}

class IndexTest : public testing::Test {
 protected:
  void SetUp() override {
    encoder_.begin();
    ends_.push_back(encoder_.bytes().size());
    encoder_.file(0, IndexContent::rtp, "a.rtpx", "a");
    mark();
    encoder_.file(1, IndexContent::rtcp, "%2F.rtcpx", "/");
    mark();
    for (std::uint32_t i = 0; i < 20; ++i) {
      encoder_.block(i % 2, block(i));
      mark();
    }
    encoder_.end(0, 1000, 7);
    mark();
  }
  static IndexBlock block(std::uint32_t i) {
    return {i / 2 * 100, 100, 0xC0FFEE00 + i, -576460751007 + i, i, 13};
  }
  void mark() { ends_.push_back(encoder_.bytes().size()); }

  IndexEncoder encoder_;
  std::vector<std::size_t> ends_;  // of the head and of every entry
};

TEST_F(IndexTest, GivesBackWhatWasWritten) {
  const auto index = parse_index(encoder_.bytes());
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ(index->major, 1);
  ASSERT_EQ(index->files.size(), 2U);
  const IndexedFile &a = index->files.at(0), &b = index->files.at(1);
  EXPECT_EQ(a.name, "a.rtpx");
  EXPECT_EQ(a.track_id, "a");
  EXPECT_EQ(b.name, "%2F.rtcpx");
  EXPECT_EQ(b.track_id, "/");
  EXPECT_EQ(b.content, IndexContent::rtcp);
  ASSERT_EQ(a.blocks.size(), 10U);
  for (std::uint32_t i = 0; i < 10; ++i) EXPECT_EQ(a.blocks[i], block(2 * i));
  ASSERT_TRUE(a.end);
  EXPECT_EQ(a.end->bytes, 1000U);
  EXPECT_EQ(a.end->records, 7U);
  EXPECT_FALSE(b.end);
  EXPECT_EQ(index->damaged_bytes, 0U);
  EXPECT_FALSE(index->torn);
}

TEST_F(IndexTest, EveryPrefixGivesItsWholeEntries) {
  for (std::size_t size = 0; size < encoder_.bytes().size(); ++size) {
    const auto index = parse_index(encoder_.bytes().first(size));
    const auto whole =
        static_cast<std::size_t>(std::ranges::count_if(ends_, [&](std::size_t e) { return e <= size; }));
    if (whole == 0) {
      EXPECT_FALSE(index) << size;
      continue;
    }
    ASSERT_TRUE(index) << size;
    std::size_t blocks = 0;
    for (const auto& [number, file] : index->files) blocks += file.blocks.size();
    EXPECT_EQ(blocks, whole > 3 ? whole - 3 : 0) << size;
    EXPECT_EQ(index->torn, std::ranges::find(ends_, size) == ends_.end()) << size;
  }
}

TEST_F(IndexTest, AFlippedBitCostsOneEntry) {
  std::vector<std::byte> bytes(encoder_.bytes().begin(), encoder_.bytes().end());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{static_cast<unsigned char>(1U << bit % 8)};
    const auto index = parse_index(bytes);
    ASSERT_TRUE(index) << bit;
    std::size_t things = 0;
    for (const auto& [number, file] : index->files)
      things += file.blocks.size() + (file.name.empty() ? 0 : 1) + (file.end ? 1 : 0);
    EXPECT_EQ(things, bit / 8 < ends_[0] ? 23U : 22U) << bit;
    EXPECT_GT(index->damaged_bytes, 0U);
    bytes[bit / 8] ^= std::byte{static_cast<unsigned char>(1U << bit % 8)};
  }
}

TEST_F(IndexTest, OfOverlappingBlocksTheLaterCounts) {
  encoder_.block(1, {150, 100, 1, 0, 0, IndexBlock::kNoRecord});
  const auto index = parse_index(encoder_.bytes());
  const std::vector<IndexBlock>& blocks = index->files.at(1).blocks;
  ASSERT_EQ(blocks.size(), 9U);
  EXPECT_EQ(blocks[0], block(1));
  EXPECT_EQ(blocks[1].offset, 150U);
  EXPECT_EQ(blocks[2].offset, 300U);
}

TEST_F(IndexTest, ANewerMajorVersionIsRefused) {
  std::vector<std::byte> bytes(encoder_.bytes().begin(), encoder_.bytes().end());
  bytes[9] = std::byte{2};
  store_be(bytes.data() + 12, crc32c(Bytes(bytes).first(12)));
  EXPECT_EQ(parse_index(bytes).error().code, Errc::unsupported);
  bytes[9] = std::byte{1}, bytes[11] = std::byte{9};
  store_be(bytes.data() + 12, crc32c(Bytes(bytes).first(12)));
  EXPECT_EQ(parse_index(bytes)->files.size(), 2U);
}

TEST_F(IndexTest, SomethingElseIsMalformed) {
  for (const std::string& text :
       {std::string(), std::string("RTPXIDX\n"), std::string(1000, '\0'), std::string(1000, '\xD5')})
    EXPECT_EQ(parse_index(as_bytes(text)).error().code, Errc::malformed);
}

/// 24 MB of heads that each promise an entry of 4 KiB: summing them up one by one would be 24 GB.
TEST(IndexHostile, HeadsOfEntriesCostOneLookEach) {
  std::string heads;
  for (int i = 0; i < 6'000'000; ++i) heads += std::string("\xD5\x07\x10\x00", 4);
  IndexEncoder encoder;
  encoder.begin();
  encoder.file(0, IndexContent::rtp, "a.rtpx", "a");
  const std::string good(as_text(encoder.bytes()));
  const auto index = parse_index(as_bytes(good + heads + good.substr(16)));
  ASSERT_TRUE(index);
  EXPECT_EQ(index->damaged_bytes, heads.size());
}

TEST(IndexHostile, FilesWithoutEndTakeNoMemory) {
  IndexEncoder encoder;
  encoder.begin();
  for (std::uint32_t i = 0; i < 200'000; ++i) encoder.end(i, 1, 1);
  const auto index = parse_index(encoder.bytes());
  ASSERT_TRUE(index);
  EXPECT_EQ(index->files.size(), 65'536U);
}

}  // namespace
}  // namespace rtpx
