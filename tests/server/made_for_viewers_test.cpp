// Files that children make for one who waits: what a child may write is bounded, its folder goes, and what it says tells
// nobody where this server keeps its recordings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/front/shown_text.hpp"
#include "server/work/cuts.hpp"
#include "server/work/opened_recordings.hpp"
#include "support/captures.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using test::write_file;
using testing::HasSubstr;

/// The server's program is a script.
class MadeForViewers : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(base_ / "call");
    write_file(base_ / "call/manifest.json", "{}");
    options_.command = folder_ / "program";
    options_.base_dir = base_;
  }
  void program(const std::string& script) {
    write_file(options_.command, "#!/bin/sh\n" + script + "\n");
    fs::permissions(options_.command, fs::perms::owner_all);
  }

  test::TempDir folder_;
  const fs::path base_ = folder_ / "recordings";
  ServeOptions options_;
  Library library_{base_};
};

TEST_F(MadeForViewers, ChildrenMayWriteFilesOfALimitedSize) {
  program("echo \"rtpx convert: may write $(ulimit -f)\" >&2; exit 2");
  write_file(base_ / "call/a.rtpx", std::string(1'000'000, 'x'));
  const std::string limit = "may write " + std::to_string((4ULL * 1'000'002 + (1ULL << 30)) / 512);
  EXPECT_THAT(Cuts(options_, library_).clip("call", {}).error().message, HasSubstr(limit));
  EXPECT_THAT(OpenedRecordings(options_, library_).open("call", "{}").error().message, HasSubstr(limit));
}

TEST_F(MadeForViewers, NothingStaysOfWhatFailed) {
  program("echo half > half; echo 'rtpx convert: no' >&2; exit 2");
  EXPECT_FALSE(Cuts(options_, library_).clip("call", {}));
  EXPECT_FALSE(OpenedRecordings(options_, library_).open("call", "{}"));
  EXPECT_EQ(test::entries(base_), 1U) << "the recording alone";
}

TEST_F(MadeForViewers, FoldersOfAServerThatWasKilledGo) {
  fs::create_directories(base_ / ".cut-old");
  fs::create_directories(base_ / ".opened-old");
  const Cuts cuts(options_, library_);
  const OpenedRecordings opened(options_, library_);
  EXPECT_EQ(test::entries(base_), 1U);
}

TEST(ShownText, TellsWhereARecordingIsInTheBaseFolderAndNotWhereThatIs) {
  EXPECT_EQ(shown("/var/rec/call/video_1.rtpx: byte 12 is wrong (/var/rec/call)", "/var/rec"),
            "call/video_1.rtpx: byte 12 is wrong (call)");
  EXPECT_EQ(shown(fs::absolute("rec/call/a.rtpx").string() + " and rec/b", "rec"), "call/a.rtpx and b");
  EXPECT_EQ(shown("/var/recordings/call", "/var/rec"), "/var/recordings/call") << "another folder";
  EXPECT_EQ(shown("/etc/x", "/"), "/etc/x");
  EXPECT_EQ(shown("/srv/var/rec/x and prec/y", "rec"), "/srv/var/rec/x and prec/y") << "parts of other paths";
}

}  // namespace
}  // namespace rtpx::server
