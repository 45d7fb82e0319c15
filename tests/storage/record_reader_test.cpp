#include "storage/record_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "rtp/packet.hpp"
#include "support/captures.hpp"
#include "support/damage.hpp"
#include "support/record_files.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::record_file;
using test::RecordFile;
using test::TempDir;

struct Read {
  std::vector<RecordHeader> headers;
  std::vector<std::string> packets;
  std::vector<std::uint64_t> offsets;
  std::vector<DamagedRange> damage;
};

Read read_all(std::vector<fs::path> files, RecordReader::Content content = RecordReader::Content::rtp) {
  Read out;
  const auto reader = RecordReader::open(std::move(files), content);
  EXPECT_TRUE(reader) << reader.error().message;
  for (;;) {
    const auto record = (*reader)->next();
    EXPECT_TRUE(record) << record.error().message;
    if (!*record) break;
    out.headers.push_back((*record)->header);
    out.packets.emplace_back(as_text((*record)->packet));
    out.offsets.push_back((*record)->offset);
  }
  out.damage = (*reader)->damage();
  return out;
}

class RecordReaderTest : public testing::Test {
 protected:
  Read read(const std::string& bytes) {
    test::write_file(dir_ / "t.rtpx", bytes);
    return read_all({dir_ / "t.rtpx"});
  }
  /// The numbers of the records of `file` that `bytes` (a damaged copy) still gives, by sequence number.
  std::set<std::size_t> found(const RecordFile& file, const Read& read) {
    std::set<std::size_t> numbers;
    for (const std::string& packet : read.packets) {
      const auto rtp = parse_rtp(as_bytes(packet));
      if (!rtp || rtp->sequence_number >= file.records()) continue;
      const std::size_t number = rtp->sequence_number;
      if (as_text(file.record(number).subspan(13)) == packet) numbers.insert(number);
    }
    return numbers;
  }
  TempDir dir_;
};

TEST_F(RecordReaderTest, GivesEveryRecordOfAHealthyFile) {
  const RecordFile file = record_file(3000, 1);  // several reads
  const Read got = read(file.text());
  ASSERT_EQ(got.packets.size(), 3000U);
  for (std::size_t i = 0; i < 3000; ++i) {
    EXPECT_EQ(got.packets[i], as_text(file.record(i).subspan(13)));
    EXPECT_EQ(got.offsets[i], file.offsets[i]);
  }
  EXPECT_TRUE(got.damage.empty());
}

TEST_F(RecordReaderTest, AnEmptyFileHasNoRecordAndNoDamage) {
  const Read got = read("");
  EXPECT_TRUE(got.packets.empty());
  EXPECT_TRUE(got.damage.empty());
}

TEST_F(RecordReaderTest, OddRecordsAreHandedOut) {
  RecordFile file = record_file(3, 2);
  file.add({255, 1'000'100, 0}, {});                                  // no packet at all, unknown rid
  file.add({7, 1'000'100, 0}, as_bytes("x"));                         // no RTP
  file.add({0, 1'000'101, 0}, as_bytes(std::string(65535, '\x80')));  // the largest
  const Read got = read(file.text());
  ASSERT_EQ(got.packets.size(), 6U);
  EXPECT_EQ(got.headers[3].rid_index, 255);
  EXPECT_EQ(got.packets[3], "");
  EXPECT_EQ(got.packets[4], "x");
  EXPECT_EQ(got.packets[5].size(), 65535U);
  EXPECT_TRUE(got.damage.empty());
}

TEST_F(RecordReaderTest, ATornTailIsDroppedAtEveryLength) {
  const RecordFile file = record_file(4, 3);
  for (std::uint64_t size = file.offsets[3] + 1; size < file.bytes.size(); ++size) {
    const Read got = read(file.text().substr(0, size));
    ASSERT_EQ(got.packets.size(), 3U) << size;
    ASSERT_EQ(got.damage.size(), 1U) << size;
    EXPECT_EQ(got.damage[0].offset, file.offsets[3]);
    EXPECT_EQ(got.damage[0].length, size - file.offsets[3]);
    EXPECT_TRUE(got.damage[0].tail) << size;
  }
}

TEST_F(RecordReaderTest, ZerosAtTheEndAreATornTail) {
  const RecordFile file = record_file(4, 3);
  const Read got = read(file.text() + std::string(300000, '\0'));
  EXPECT_EQ(got.packets.size(), 4U);
  ASSERT_EQ(got.damage.size(), 1U);
  EXPECT_EQ(got.damage[0].length, 300000U);
  EXPECT_TRUE(got.damage[0].tail);
}

TEST_F(RecordReaderTest, ZerosInTheMiddleAreDamage) {
  const RecordFile file = record_file(40, 4);
  std::string bytes = file.text();
  std::fill(bytes.begin() + static_cast<long>(file.offsets[10]),
            bytes.begin() + static_cast<long>(file.offsets[20]), '\0');
  const Read got = read(bytes);
  EXPECT_EQ(got.packets.size(), 30U);
  ASSERT_EQ(got.damage.size(), 1U);
  EXPECT_EQ(got.damage[0].offset, file.offsets[10]);
  EXPECT_EQ(got.damage[0].length, file.offsets[20] - file.offsets[10]);
  EXPECT_FALSE(got.damage[0].tail);
}

TEST_F(RecordReaderTest, EveryBitOfAHeaderMayFlipAndOnlyThatRecordIsLost) {
  const RecordFile file = record_file(12, 5);
  for (const std::size_t hit : {0U, 1U, 6U, 10U, 11U})
    for (std::size_t bit = 8; bit < 13 * 8; ++bit) {  // after the rid index, of which every value is possible
      std::string bytes = file.text();
      bytes[file.offsets[hit] + bit / 8] ^= static_cast<char>(0x80 >> bit % 8);
      const Read got = read(bytes);
      std::set<std::size_t> numbers = found(file, got);
      numbers.insert(hit);
      EXPECT_EQ(numbers.size(), 12U) << "record " << hit << " bit " << bit;
    }
}

TEST_F(RecordReaderTest, AFarTimeDoesNotComeThrough) {
  for (const std::size_t hit : {0U, 5U, 10U}) {
    const RecordFile file = record_file(12, 6);
    std::string bytes = file.text();
    bytes[file.offsets[hit] + 1] ^= 0x40;
    const Read got = read(bytes);
    EXPECT_EQ(got.packets.size(), 11U);
    for (const RecordHeader& header : got.headers) EXPECT_LT(header.receive_time_ms, 2'000'000);
    ASSERT_EQ(got.damage.size(), 1U);
    EXPECT_EQ(got.damage[0].offset, file.offsets[hit]);
  }
}

TEST_F(RecordReaderTest, ARealJumpOfTheTimesIsFollowed) {
  RecordFile file = record_file(10, 7, 5'000'000'000'000);
  const RecordFile later = record_file(10, 8, -576460751007);
  file.bytes.insert(file.bytes.end(), later.bytes.begin(), later.bytes.end());
  const Read got = read(file.text());
  EXPECT_EQ(got.packets.size(), 20U);
  EXPECT_TRUE(got.damage.empty());
}

TEST_F(RecordReaderTest, ALonelyRecordBetweenTwoDamagedStretchesIsFound) {
  const RecordFile file = record_file(12, 9);
  std::string bytes = file.text();
  for (const std::size_t hit : {4U, 6U})
    for (std::size_t i = 0; i < 20; ++i) bytes[file.offsets[hit] + i] = static_cast<char>(0xA5 + i);
  const std::set<std::size_t> numbers = found(file, read(bytes));
  EXPECT_TRUE(numbers.contains(5));
  EXPECT_EQ(numbers.size(), 10U);
}

TEST_F(RecordReaderTest, FilesOfATrackReadAsOne) {
  const RecordFile first = record_file(700, 10), second = record_file(5, 11, 2'000'000),
                   third = record_file(9, 12, 3'000'000);
  test::write_file(dir_ / "a", first.text() + "torn");
  test::write_file(dir_ / "empty", "");
  test::write_file(dir_ / "b", second.text());
  test::write_file(dir_ / "c", third.text());
  const auto reader = RecordReader::open({dir_ / "a", dir_ / "empty", dir_ / "b", dir_ / "c"}).value();
  EXPECT_EQ(reader->size(), first.bytes.size() + 4 + second.bytes.size() + third.bytes.size());
  for (int round = 0; round < 2; ++round) {
    std::vector<std::uint64_t> offsets;
    while (const auto record = reader->next().value()) offsets.push_back(record->offset);
    ASSERT_EQ(offsets.size(), 714U);
    EXPECT_EQ(offsets[700], first.bytes.size() + 4);
    ASSERT_EQ(reader->damage().size(), 1U);
    EXPECT_TRUE(reader->damage()[0].tail);
    const auto record = reader->read_at(offsets[713]);
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_EQ(as_text(record->packet), as_text(third.record(8).subspan(13)));
    reader->rewind();
  }
}

TEST_F(RecordReaderTest, ReadsAnyRecordWithoutMoving) {
  const RecordFile file = record_file(2000, 13);
  test::write_file(dir_ / "t.rtpx", file.text());
  const auto reader = RecordReader::open({dir_ / "t.rtpx"}).value();
  std::mt19937 random(1);
  for (std::size_t i = 0; i < 2000; ++i) {
    const auto moving = reader->next().value();
    const std::size_t other = random() % 2000;
    const auto record = reader->read_at(file.offsets[other]);
    ASSERT_TRUE(record);
    EXPECT_EQ(as_text(record->packet), as_text(file.record(other).subspan(13)));
    EXPECT_EQ(record->offset, file.offsets[other]);
    EXPECT_EQ(as_text(moving->packet), as_text(file.record(i).subspan(13)));  // still alive
  }
  EXPECT_FALSE(reader->read_at(file.bytes.size()));
  EXPECT_FALSE(reader->read_at(file.bytes.size() - 1));
  EXPECT_FALSE(reader->read_at(file.bytes.size() - 14));
}

TEST_F(RecordReaderTest, PacketsAreViewsIntoOneBuffer) {
  const RecordFile file = record_file(20, 14);
  test::write_file(dir_ / "t.rtpx", file.text());
  const auto reader = RecordReader::open({dir_ / "t.rtpx"}).value();
  const std::byte* expected = nullptr;
  while (const auto record = reader->next().value()) {
    if (expected != nullptr) {
      EXPECT_EQ(record->packet.data(), expected);
    }
    expected = record->packet.data() + record->packet.size() + RecordHeader::kBytes;
  }
}

TEST_F(RecordReaderTest, RtcpFilesAreResynchronisedToo) {
  RecordFile file;
  for (int i = 0; i < 20; ++i) {
    std::string packet(28, '\x01');
    packet[0] = '\x80', packet[1] = '\xC8';
    file.add({0, 1000 + 5000 * i, 0}, as_bytes(packet));
  }
  std::string bytes = file.text();
  bytes[file.offsets[7] + 9] = 'x';
  test::write_file(dir_ / "t.rtcpx", bytes);
  const Read got = read_all({dir_ / "t.rtcpx"}, RecordReader::Content::rtcp);
  EXPECT_EQ(got.packets.size(), 19U);
}

TEST_F(RecordReaderTest, MissingFilesAndPipesAreErrors) {
  EXPECT_EQ(RecordReader::open({dir_ / "none.rtpx"}).error().code, Errc::not_found);
  EXPECT_EQ(RecordReader::open({"/dev/zero"}).error().code, Errc::io);
}

TEST_F(RecordReaderTest, EveryRecordOutsideRandomDamageIsFound) {
  for (unsigned seed = 0; seed < test::seeds(); ++seed) {
    std::mt19937 random(seed);
    const RecordFile file = record_file(50 + random() % 400, seed);
    const test::Damaged damaged = test::damage(file.text(), random);
    const Read got = read(damaged.bytes);
    const std::set<std::size_t> numbers = found(file, got);
    for (std::size_t i = 0; i < file.records(); ++i) {
      const bool hit = damaged.touches(file.offsets[i], file.offsets[i + 1]);
      EXPECT_TRUE(hit || numbers.contains(i)) << "seed " << seed << " record " << i;
    }
    EXPECT_LE(got.packets.size(), file.records() * 2) << seed;
  }
}

TEST(RecordReaderCaptures, ACorruptLengthLosesOneRecord) {
  RTPX_NEEDS_CAPTURE(damaged, "edge/corrupt_len/2.rtpx");
  RTPX_NEEDS_CAPTURE(healthy, "edge/ext1/2.rtpx");
  const Read got = read_all({damaged}), all = read_all({healthy});
  EXPECT_EQ(got.damage.size(), 1U);
  EXPECT_EQ(got.packets.size() + 1, all.packets.size());
}

TEST(RecordReaderCaptures, ATruncatedFileLosesItsLastRecord) {
  RTPX_NEEDS_CAPTURE(damaged, "edge/truncated/2.rtpx");
  const Read got = read_all({damaged});
  EXPECT_EQ(got.packets.size(), 326U);
  ASSERT_EQ(got.damage.size(), 1U);
  EXPECT_TRUE(got.damage[0].tail);
}

TEST(RecordReaderCaptures, RealFilesAreReadToTheLastByte) {
  RTPX_NEEDS_CAPTURE(root, "browser");
  RTPX_NEEDS_CAPTURE(edge, "edge");
  std::size_t files = 0;
  for (const fs::path& folder : {root, edge})
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const fs::path& path = entry.path();
      const bool rtcp = path.extension() == ".rtcpx";
      if (!rtcp && path.extension() != ".rtpx") continue;
      if (path.string().find("corrupt_len") != std::string::npos ||
          path.string().find("truncated") != std::string::npos)
        continue;
      const Read got = read_all({path}, rtcp ? RecordReader::Content::rtcp : RecordReader::Content::rtp);
      EXPECT_TRUE(got.damage.empty()) << path;
      std::uint64_t bytes = 0;
      for (const std::string& packet : got.packets) bytes += RecordHeader::kBytes + packet.size();
      EXPECT_EQ(bytes, fs::file_size(path)) << path;
      ++files;
    }
  EXPECT_GT(files, 50U);
}

}  // namespace
}  // namespace rtpx
