// The index that a recorder writes agrees with its files, byte for byte.

#include "storage/index.hpp"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "base/crc32c.hpp"
#include "base/file_system.hpp"
#include "recorder/started.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::rtp;
using test::Started;
using test::video;

// Sums a file up again, in the blocks that the index has, and compares.
void expect_proven(const std::filesystem::path& folder, const IndexedFile& indexed, bool ended) {
  const std::string bytes = test::read_file(folder / indexed.name);
  BlockSummer summer;
  std::uint64_t at = 0;
  for (const IndexBlock& block : indexed.blocks) {
    ASSERT_EQ(block.offset, at) << indexed.name << ": blocks follow each other";
    ASSERT_LE(at + block.length, bytes.size());
    summer.append(as_bytes(bytes).subspan(at, block.length));
    EXPECT_EQ(block, *summer.finish()) << indexed.name << " at " << at;
    at += block.length;
  }
  if (!ended) return;
  EXPECT_EQ(at, bytes.size());
  ASSERT_TRUE(indexed.end);
  EXPECT_EQ(indexed.end->bytes, bytes.size());
  EXPECT_EQ(indexed.end->records, test::records(bytes).size());
}

Index index_of(const std::filesystem::path& folder) {
  const std::string bytes = test::read_file(folder / kIndexFileName);
  return parse_index(as_bytes(bytes)).value();
}

TEST(RecorderIndex, ProvesEveryByteOfEndedTracks) {
  Recorder::Options options;
  options.flush_interval = 4ms;  // many partial writes
  options.sync_interval = 20ms;
  Started s(options);
  std::mt19937 random(5);
  const std::vector<std::string> ids{"slow", "fast", "fastest"};
  for (const auto& id : ids) s.add(video(id));
  for (std::uint32_t i = 0; i < 6000; ++i) {
    if (i % 50 == 0) {
      ASSERT_EQ(s.record("slow", i), Outcome::accepted);
    }
    if (i % 4 == 0) {
      ASSERT_EQ(s.record("fast", i, 20 + random() % 1400), Outcome::accepted);
    }
    ASSERT_EQ(s.record("fastest", i, 1100), Outcome::accepted);
    if (i % 100 == 0) (void)s.recorder->record_rtcp("fast", rtp(i, 28));
    if (i % 200 == 0) std::this_thread::sleep_for(1ms);
  }
  ASSERT_TRUE(s.recorder->end_tracks(ids));
  const Index index = index_of(s.recorder->folder());
  EXPECT_EQ(index.damaged_bytes, 0U);
  ASSERT_EQ(index.files.size(), 4U) << "three tracks and the RTCP of one";
  for (const auto& [number, file] : index.files) expect_proven(s.recorder->folder(), file, true);
}

TEST(RecorderIndex, GrowsWhileTheTrackIsLive) {
  Recorder::Options options;
  options.flush_interval = 10ms;
  options.sync_interval = 40ms;
  Started s(options);
  s.add(video("camera"));
  for (std::uint32_t i = 0; i < 10; ++i) ASSERT_EQ(s.record("camera", i), Outcome::accepted);
  const auto blocks = [&] {
    const Index index = index_of(s.recorder->folder());
    return index.files.empty() ? 0U : index.files.begin()->second.blocks.size();
  };
  for (int i = 0; i < 500 && blocks() == 0; ++i) std::this_thread::sleep_for(10ms);
  const Index index = index_of(s.recorder->folder());
  ASSERT_EQ(index.files.size(), 1U);
  EXPECT_FALSE(index.files.begin()->second.end);
  expect_proven(s.recorder->folder(), index.files.begin()->second, false);
}

TEST(RecorderIndex, IsNotThereWithoutChecksums) {
  Recorder::Options options;
  options.checksums = false;
  Started s(options);
  s.add(video("camera"));
  EXPECT_FALSE(s.end("camera").manifest.at("camera").index_location);
  EXPECT_FALSE(std::filesystem::exists(s.recorder->folder() / kIndexFileName));
}

TEST(RecordingJson, SaysWhenTheRecordingBeganAndEnded) {
  Recorder::Options options;
  options.name = "Monday's meeting";
  Started s(options);
  const auto folder = s.recorder->folder();
  auto info = read_recording_info(real_file_system(), folder);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->name, options.name);
  EXPECT_FALSE(info->ended_at);
  s.recorder.reset();
  info = read_recording_info(real_file_system(), folder);
  ASSERT_TRUE(info);
  EXPECT_TRUE(info->ended_at);
  EXPECT_EQ(info->end_reason, "recorder_stopped");
}

}  // namespace
}  // namespace rtpx
