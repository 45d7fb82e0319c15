// Pages of reports: made once for each state of a recording, and a failure is one.
#include "server/work/reports.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "support/captures.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using test::write_file;
using testing::HasSubstr;

/// The server's program is a script that counts how often it runs.
class ReportPages : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "recordings/call");
    write_file(call_ / "manifest.json", "{}");
    program("echo page > \"$4\"");
    options_.command = folder_ / "program";
    options_.base_dir = folder_ / "recordings";
  }
  void program(const std::string& script) {
    write_file(folder_ / "program",
               "#!/bin/sh\necho run >> " + (folder_ / "runs").string() + "\n" + script + "\n");
    fs::permissions(folder_ / "program", fs::perms::owner_all);
  }
  std::ptrdiff_t runs() { return std::ranges::count(read_file(folder_ / "runs"), '\n'); }

  test::TempDir folder_;
  const fs::path call_ = folder_ / "recordings/call";
  ServeOptions options_;
  Library library_{folder_ / "recordings"};
  Reports reports_{options_, library_};
};

TEST_F(ReportPages, AreMadeAnewOnlyWhenTheRecordingHasChanged) {
  EXPECT_EQ(reports_.page("call"), "page\n");
  EXPECT_EQ(reports_.page("call"), "page\n");
  EXPECT_EQ(runs(), 1);
  write_file(call_ / "a.rtpx", "more");
  EXPECT_EQ(reports_.page("call"), "page\n");
  EXPECT_EQ(runs(), 2);
  EXPECT_EQ(reports_.page("gone").error().code, Errc::not_found);
}

TEST_F(ReportPages, ManyWhoAskAtOnceShareOne) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_EQ(reports_.page("call"), "page\n"); });
  threads.clear();
  EXPECT_EQ(runs(), 1);
}

TEST_F(ReportPages, AreThereForARecordingWithATrackThatIsLeftOut) {
  program("echo left out > \"$4\"; exit 1");
  EXPECT_EQ(reports_.page("call"), "left out\n");
}

TEST_F(ReportPages, AFailureIsNotTheOldPage) {
  ASSERT_TRUE(reports_.page("call"));
  write_file(call_ / "a.rtpx", "more");
  program("echo 'rtpx report: it cannot be read' >&2; exit 3");
  for (int i = 0; i < 2; ++i) {
    const auto page = reports_.page("call");
    ASSERT_FALSE(page);
    EXPECT_THAT(page.error().message, HasSubstr("it cannot be read"));
  }
  program("echo new > \"$4\"");
  EXPECT_EQ(reports_.page("call"), "new\n");
}

TEST_F(ReportPages, NothingIsWrittenThroughALink) {
  const test::TempDir elsewhere;
  fs::create_directory_symlink(elsewhere.path(), call_ / "output");
  EXPECT_FALSE(reports_.page("call"));
  EXPECT_EQ(test::entries(elsewhere.path()), 0U);
}

}  // namespace
}  // namespace rtpx::server
