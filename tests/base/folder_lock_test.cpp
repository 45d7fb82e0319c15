#include "base/folder_lock.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

using namespace rtpx;

class FolderLockTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("rtpx-folder-lock-" + std::to_string(::getpid()));
};

TEST_F(FolderLockTest, ASecondOwnerIsToldOfTheFirst) {
  EXPECT_FALSE(folder_owner(folder_));
  {
    const auto first = FolderLock::take(folder_, "rtpx serve");
    ASSERT_TRUE(first);
    const std::string owner = "rtpx serve (process " + std::to_string(::getpid()) + ")";
    EXPECT_EQ(folder_owner(folder_), owner);
    EXPECT_EQ(folder_owner(folder_), owner) << "asking changes nothing";
    const auto second = FolderLock::take(folder_, "another");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::already_exists);
    EXPECT_NE(second.error().message.find(owner), std::string::npos) << second.error().message;
  }
  EXPECT_FALSE(folder_owner(folder_)) << "the file is there still, and means nothing";
  EXPECT_TRUE(FolderLock::take(folder_, "rtpx serve"));
}

TEST_F(FolderLockTest, ACrashFreesIt) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = FolderLock::take(folder_, "a child");
    (void)!::write(ready[1], lock ? "y" : "n", 1);
    ::pause();
    ::_exit(0);
  }
  char taken = 0;
  ASSERT_EQ(::read(ready[0], &taken, 1), 1);
  EXPECT_EQ(taken, 'y');
  EXPECT_EQ(folder_owner(folder_), "a child (process " + std::to_string(child) + ")");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(folder_owner(folder_));
  EXPECT_TRUE(FolderLock::take(folder_, "rtpx serve"));
  ::close(ready[0]);
  ::close(ready[1]);
}
