// Recordings from strangers: what they name, what they are made of. Every command that reads one is tried.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

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
    secret_ = std::string(as_text(made.files.at("t1.rtpx").record(5).subspan(RecordHeader::kBytes)));
  }
  TempDir folder_;
  std::string secret_;  // one of its packets
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

}  // namespace
}  // namespace rtpx::test
