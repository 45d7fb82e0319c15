// What a child process of the server gets, and what it does not.
#include "server/work/child.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "server/work/sandbox.hpp"
#include "support/captures.hpp"

namespace rtpx::server {
namespace {

using test::read_file;
using test::TempDir;
using testing::HasSubstr;
using testing::Not;

class ServerChild : public testing::Test {
 protected:
  /// Runs a shell script; `out_` has what it printed.
  ChildExit run(const std::string& script, ChildOptions options = {}) {
    options.command = {"/bin/sh", "-c", script};
    options.stdout_file = folder_ / "out";
    const auto exit = run_child(options, {});
    EXPECT_TRUE(exit) << exit.error().message;
    out_ = read_file(folder_ / "out");
    return exit.value_or(ChildExit{});
  }
  TempDir folder_;
  std::string out_;
};

TEST_F(ServerChild, SeesNeitherTokensNorKeysInItsEnvironment) {
  ::setenv("RTPX_TOKEN", "secret", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  ::setenv("DATABASE_PASSWORD", "secret", 1);
  EXPECT_EQ(run("env").code, 0);
  EXPECT_THAT(out_, Not(HasSubstr("secret")));
  EXPECT_THAT(out_, HasSubstr("PATH="));
  EXPECT_EQ(run("env", {.network = true}).code, 0);
  EXPECT_THAT(out_, HasSubstr("AWS_SECRET_ACCESS_KEY=secret"));
  EXPECT_THAT(out_, Not(HasSubstr("RTPX_TOKEN")));
  EXPECT_THAT(out_, Not(HasSubstr("DATABASE_PASSWORD")));
}

TEST_F(ServerChild, LearnsWhereTheKeyOfIndexesIsWhenItUsesThem) {
  ::setenv("RTPX_INDEX_KEY", "/secret/place", 1);
  EXPECT_EQ(run("env").code, 0);
  EXPECT_THAT(out_, Not(HasSubstr("/secret/place")));
  EXPECT_EQ(run("env", {.index_key = true}).code, 0);
  EXPECT_THAT(out_, HasSubstr("RTPX_INDEX_KEY=/secret/place"));
  ::unsetenv("RTPX_INDEX_KEY");
}

TEST_F(ServerChild, InheritsNoDescriptorButItsOwn) {
  const int left_open = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  ASSERT_GE(left_open, 0);
  EXPECT_EQ(::dup2(left_open, 77), 77);
  EXPECT_EQ(run("for fd in /proc/$$/fd/*; do printf '%s ' ${fd##*/}; done").code, 0);
  EXPECT_THAT(out_, HasSubstr("0 1 2 3"));
  EXPECT_THAT(out_, Not(HasSubstr("77")));
  ::close(77);
  ::close(left_open);
}

TEST_F(ServerChild, RunsInAFolderOfItsOwn) {
  const TempDir own;
  EXPECT_EQ(run("pwd; echo $TMPDIR; cat", {.folder = own.path()}).code, 0) << "nothing at its input";
  EXPECT_EQ(out_, own.path().string() + "\n" + own.path().string() + "\n");
}

TEST_F(ServerChild, HasNoNetworkAndNoWayToOtherProcesses) {
  if (no_network_filter().empty()) GTEST_SKIP() << "no filters of system calls here";
  const std::string socket = "python3 -c 'import socket; socket.socket()'";
  EXPECT_EQ(run(socket, {.network = true}).code, 0);
  const ChildExit refused = run(socket);
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.stderr_tail, HasSubstr("not permitted"));
  const std::string kill = "kill -0 " + std::to_string(::getpid());
  EXPECT_EQ(run(kill, {.network = true}).code, 0);
  EXPECT_NE(run(kill).code, 0);
}

TEST_F(ServerChild, IsEndedAtItsDeadline) {
  const ChildExit exit =
      run("trap '' TERM; sleep 600 & wait; sleep 600", {.deadline = std::chrono::seconds(1)});
  EXPECT_TRUE(exit.too_long);
  EXPECT_FALSE(exit.cancelled);
  EXPECT_THAT(explain(exit, "conversion"), HasSubstr("took too long"));
}

TEST_F(ServerChild, WritesNoLargerFilesThanItMay) {
  const ChildExit exit = run("head -c 1000000 /dev/zero", {.file_bytes = 4096});
  EXPECT_NE(exit.code, 0);
  EXPECT_EQ(exit.signal, 0) << "an error that it can tell";
  EXPECT_LE(out_.size(), 4096U);
  EXPECT_THAT(exit.stderr_tail, HasSubstr("large"));
}

}  // namespace
}  // namespace rtpx::server
