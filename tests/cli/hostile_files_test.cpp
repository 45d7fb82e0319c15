// Recordings from strangers: what they name, what they are made of. Every command that reads one is tried.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "rtpx/manifest.hpp"
#include "support/captures.hpp"
#include "support/made_recording.hpp"
#include "support/run_command.hpp"

namespace rtpx::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

/// All ways to read the recording in `folder`; what they write goes into `out`.
std::vector<std::vector<std::string>> readers(const fs::path& folder, const TempDir& out) {
  return {{"inspect", folder, "--json"},
          {"verify", folder, "--json"},
          {"convert", folder, "-o", out / "converted", "--json"},
          {"export", folder, "-o", out / "out.pcap"},
          {"export", folder, "-o", out / "exported", "--format", "rtpx"},
          {"report", folder, "-o", out / "report.html"},
          {"recover", folder, "-o", out / "recovered"}};
}

/// A new folder.
fs::path made_folder(const fs::path& folder) {
  fs::create_directories(folder);
  return folder;
}

bool holds(const fs::path& folder, const std::string& text) {
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && read_file(entry.path()).find(text) != std::string::npos) return true;
  return false;
}

/// A recording of two tracks whose second track's file is a secret beside it.
class Outside : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    MadeRecording made(made_folder(folder_ / "call"), 1, {.index = false});
    fs::rename(folder_ / "call/t1.rtpx", folder_ / "secret.rtpx");
    const std::string way = GetParam();
    if (way == "absolute") made.manifest.at("t1").location = folder_ / "secret.rtpx";
    if (way == "url") made.manifest.at("t1").location = "file://" + (folder_ / "secret.rtpx").string();
    if (way == "parent") made.manifest.at("t1").location = "../secret.rtpx";
    if (way == "link") fs::create_symlink("../secret.rtpx", folder_ / "call/t1.rtpx");
    if (way == "linked_folder") {
      fs::create_directory_symlink("..", folder_ / "call/media");
      made.manifest.at("t1").location = "media/secret.rtpx";
    }
    write_file(folder_ / "call/manifest.json", serialize_manifest(made.manifest));
    secret_file_ = made.files.at("t1.rtpx").text();
    secret_ = std::string(as_text(made.files.at("t1.rtpx").record(5).subspan(RecordHeader::kBytes)));
  }
  TempDir folder_;
  std::string secret_, secret_file_;  // one of its packets, and all
};

TEST_P(Outside, IsReadByNoCommand) {
  const TempDir out;
  for (const auto& command : readers(folder_ / "call", out)) {
    const auto run = rtpx(command);
    EXPECT_LT(run.status, 5) << command[0];
    EXPECT_THAT(run.out + run.err, Not(HasSubstr("internal"))) << command[0];
  }
  EXPECT_FALSE(holds(out.path(), secret_));
  EXPECT_EQ(rtpx({"verify", folder_ / "call"}).status, 1) << "a track is missing";

  fs::remove(folder_ / "call/t1.rtpx");
  fs::copy_file(folder_ / "secret.rtpx", folder_ / "call/secret.rtpx");
  fs::copy_file(folder_ / "secret.rtpx", folder_ / "call/t1.rtpx");
  EXPECT_EQ(rtpx({"export", folder_ / "call", "-o", out / "seen.pcap", "--track", "t1"}).status, 0);
  EXPECT_TRUE(holds(out.path(), secret_)) << "the test would see it";
}

INSTANTIATE_TEST_SUITE_P(Ways, Outside, testing::Values("absolute", "url", "parent", "link", "linked_folder"),
                         [](const auto& way) { return std::string(way.param); });

TEST(HostileFiles, ACopyOfARecordingDoesNotReadTheOriginal) {
  const TempDir folder;
  MadeRecording made(made_folder(folder / "original"), 1);
  for (auto& [id, track] : made.manifest) track.location = folder / ("original/" + track.location);
  write_file(folder / "original/manifest.json", serialize_manifest(made.manifest));
  fs::copy(folder / "original", folder / "copy");
  EXPECT_EQ(rtpx({"verify", folder / "copy"}).status, 0);
  fs::remove(folder / "copy/t1.rtpx");
  EXPECT_EQ(rtpx({"verify", folder / "copy"}).status, 1) << "a file that is gone is seen";
  EXPECT_EQ(rtpx({"verify", folder / "original"}).status, 0);
}

TEST(HostileFiles, ManyValuesInAManifestAreRefusedBeforeTheyTakeMemory) {
  const TempDir folder, out;
  const MadeRecording made(made_folder(folder / "call"), 1);
  std::string zeros = "{\"a\":[0";
  for (int i = 0; i < 20'000'000; ++i) zeros += ",0";
  write_file(folder / "call/manifest.json", zeros + "]}");
  const auto run = rtpx({"verify", folder / "call"});
  EXPECT_EQ(run.status, 1) << run.err;
  EXPECT_THAT(run.out + run.err, HasSubstr("holds more than 1000000 values"));
  EXPECT_LT(run.most_memory, 200U << 20) << "40 MB are read";
}

TEST(HostileFiles, RecoverWritesThroughNoLinkThatLiesInTheRecording) {
  const TempDir folder;
  MadeRecording made(made_folder(folder / "call"), 1);
  write_file(folder / "mine", "mine");
  write_file(folder / "call/t0.rtpx", made.files.at("t0.rtpx").text() + "torn");
  for (const char* name : {".manifest.json.tmp", ".t0.rtpx.recovering", ".index.rtpxi.tmp",
                           ".recording.json.tmp", ".recovery.json.tmp"})
    fs::create_symlink(folder / "mine", folder / ("call/" + std::string(name)));
  EXPECT_EQ(rtpx({"recover", folder / "call"}).status, 1);
  EXPECT_EQ(read_file(folder / "mine"), "mine");
  EXPECT_EQ(rtpx({"verify", folder / "call"}).status, 0);
}

// The person who gives the recording may allow it.
TEST_P(Outside, IsReadWhenItIsAllowed) {
  const TempDir out;
  for (auto command : readers(folder_ / "call", out)) {
    command.emplace_back("--allow-outside");
    const auto run = rtpx(command);
    EXPECT_LT(run.status, 4) << command[0] << ": " << run.err;
  }
  EXPECT_TRUE(holds(out / "recovered", secret_));
  EXPECT_TRUE(holds(out / "exported", secret_));
  EXPECT_NE(read_file(out / "out.pcap").find(secret_), std::string::npos);
  EXPECT_THAT(rtpx({"verify", folder_ / "call"}).out, HasSubstr("t1"));
  const auto verified = rtpx({"verify", folder_ / "call", "--json", "--allow-outside"});
  EXPECT_THAT(verified.out, HasSubstr("\"problems\": []"));
  EXPECT_EQ(read_file(folder_ / "secret.rtpx"), secret_file_) << "what lies outside is not changed";
}

/// What a command may take beyond what it takes for a whole recording.
constexpr std::size_t kMemory = 256U << 20;

/// Runs all commands on what `folder` holds: they end, and their memory follows the bytes that are there.
void expect_small(const fs::path& folder) {
  const TempDir out;
  for (const auto& command : readers(folder, out)) {
    const auto run = rtpx(command);
    EXPECT_LT(run.status, 5) << command[0] << ": " << run.err;
    EXPECT_THAT(run.out + run.err, Not(HasSubstr("internal"))) << command[0];
    EXPECT_LT(run.most_memory, kMemory) << command[0];
  }
  EXPECT_LT(rtpx({"recover", folder}).most_memory, kMemory);
}

/// A file of a recording that claims to be as long as such a file can be, and takes no room.
class Sparse : public testing::TestWithParam<const char*> {};

TEST_P(Sparse, FilesTakeTimeAndMemoryForTheBytesThatAreThere) {
  const TempDir folder;
  const MadeRecording made(made_folder(folder / "call"), 1, {.rtcp = true});
  const fs::path file = folder / "call" / GetParam();
  std::error_code refused;
  fs::resize_file(file, file.extension() == ".json" ? 200ULL << 20 : 1ULL << 40, refused);
  if (refused) GTEST_SKIP() << "no such files here: " << refused.message();
  expect_small(folder / "call");
}

INSTANTIATE_TEST_SUITE_P(Files, Sparse,
                         testing::Values("t0.rtpx", "t0.rtcpx", "index.rtpxi", "manifest.json", "recording.json"),
                         [](const auto& file) {
                           std::string name = file.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

// Media behind a terabyte of nothing, and blocks of the index that speak of it.
TEST(HostileFiles, WhatLiesBehindAHoleIsFoundAndTheHoleIsDamage) {
  const TempDir folder;
  MadeRecording made(made_folder(folder / "call"), 1, {.tracks = 1, .index = false});
  const std::string media = made.files.at("t0.rtpx").text();
  {
    std::ofstream file(folder / "call/t0.rtpx", std::ios::binary | std::ios::in);
    file.seekp(1LL << 40);
    file << media;
    if (!file.flush()) GTEST_SKIP() << "no such files here";
  }
  IndexEncoder index;
  index.begin();
  index.file(0, IndexContent::rtp, "t0.rtpx", "t0");
  for (std::uint64_t at = 0; at < 1ULL << 40; at += 1ULL << 32) index.block(0, {.offset = at, .length = 0xFFFFFFFF});
  write_file(folder / "call/index.rtpxi", std::string(as_text(index.bytes())));
  const auto verified = rtpx({"verify", folder / "call"});
  EXPECT_EQ(verified.status, 1);
  EXPECT_LT(verified.most_memory, kMemory);
  expect_small(folder / "call");
  EXPECT_EQ(rtpx({"verify", folder / "call"}).status, 1) << "recovered: whole, with no checksums to prove it";
  EXPECT_EQ(fs::file_size(folder / "call/t0.rtpx"), 2 * media.size()) << "the hole was cut out";
}

// Bytes that look like an index and are none, and blocks that no file has.
TEST(HostileFiles, AbsurdIndexesTakeTimeAndMemoryForTheirBytes) {
  const TempDir folder;
  const MadeRecording made(made_folder(folder / "call"), 1);
  constexpr std::size_t kBytes = 4U << 20;
  std::string heads;
  while (heads.size() < kBytes) heads += std::string("\xD5\x02\x00\x24", 4);
  write_file(folder / "call/index.rtpxi", made.index_text + heads);
  expect_small(folder / "call");
  write_file(folder / "call/index.rtpxi", made.index_text);
  const std::size_t ordinary = rtpx({"verify", folder / "call", "--json"}).most_memory;
  IndexEncoder blocks;
  blocks.begin();
  blocks.file(0, IndexContent::rtp, "t0.rtpx", "t0");
  for (std::uint64_t i = 0; blocks.bytes().size() < kBytes; ++i)
    blocks.block(0, {.offset = i * 100'000, .length = 90'000, .first_time_ms = 1'000'000, .records = 1, .first_record = 0});
  write_file(folder / "call/index.rtpxi", std::string(as_text(blocks.bytes())));
  const auto verified = rtpx({"verify", folder / "call", "--json"});
  EXPECT_EQ(verified.status, 1);
  EXPECT_LT(verified.out.size(), 1U << 20) << "the first ranges are named, the others counted";
  EXPECT_LT(verified.most_memory, ordinary + (64U << 20));
  EXPECT_THAT(verified.out, testing::ContainsRegex("\"further_ranges\": [1-9][0-9][0-9][0-9][0-9]"));
  expect_small(folder / "call");
}

}  // namespace
}  // namespace rtpx::test
