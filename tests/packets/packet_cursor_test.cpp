#include "packets/packet_cursor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "packets/scanned_recording.hpp"
#include "support/captures.hpp"
#include "support/record_files.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using testing::HasSubstr;

/// A track of G.711 in two files, one packet each 20 ms.
class TwoFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::mt19937 random(1);
    test::RecordFile files[2];
    for (std::uint16_t i = 0; i < 2 * kEach; ++i) {
      auto packet = test::rtp_packet(i, 172, 7, random);
      packet[1] = std::byte{0};
      store_be(packet.data() + 4, std::uint32_t{i} * 160U);
      files[i / kEach].add({0, 1'000'000 + 20 * i, 0}, packet);
    }
    test::write_file(folder_ / "a.rtpx", files[0].text());
    test::write_file(folder_ / "a~2.rtpx", files[1].text());
    recording_.folder = folder_.path();
    TrackFiles track{"a", {}, {folder_ / "a.rtpx", folder_ / "a~2.rtpx"}, {}, {}};
    track.track.kind = MediaKind::audio;
    track.track.rid_map = {{std::nullopt, 0}};
    track.track.codecs = {{0, "audio/PCMU", 8000, std::nullopt, std::nullopt, {}}};
    recording_.tracks = {track};
    auto scanned = scan_recording(recording_, spill_, {}, {});
    ASSERT_TRUE(scanned) << scanned.error().message;
    scanned_ = std::move(*scanned);
    ASSERT_EQ(scanned_.layers.size(), 1U);
    auto cursor = PacketCursor::open(scanned_.tracks[0], *scanned_.layers[0].layer, spill_);
    ASSERT_TRUE(cursor) << cursor.error().message;
    cursor_ = std::move(*cursor);
  }
  std::size_t read_all() {
    std::size_t packets = 0;
    while (cursor_->next().value() != nullptr) ++packets;
    return packets;
  }

  static constexpr std::uint16_t kEach = 2000;
  const TempDir folder_;
  SpillFile spill_{folder_.path()};
  Recording recording_;
  ScannedRecording scanned_;
  std::unique_ptr<PacketCursor> cursor_;
};

TEST_F(TwoFiles, AreReadAsOne) {
  EXPECT_EQ(read_all(), 2U * kEach);
  EXPECT_EQ(cursor_->unreadable(), "");
}

TEST_F(TwoFiles, AFileThatCannotBeReadAgainIsTold) {
  fs::remove(folder_ / "a~2.rtpx");
  EXPECT_EQ(read_all(), kEach);
  EXPECT_THAT(cursor_->unreadable(), HasSubstr((folder_ / "a~2.rtpx").string() + " could be read at offset 0"));
}

TEST_F(TwoFiles, AFileThatBecameShorterIsTold) {
  const auto half = fs::file_size(folder_ / "a~2.rtpx") / 2;
  fs::resize_file(folder_ / "a~2.rtpx", half);
  EXPECT_EQ(read_all(), kEach + kEach / 2);
  EXPECT_THAT(cursor_->unreadable(),
              HasSubstr("a~2.rtpx could be read at offset " + std::to_string(half) + " before"));
  EXPECT_THAT(cursor_->unreadable(), HasSubstr("shorter"));
}

}  // namespace
}  // namespace rtpx
