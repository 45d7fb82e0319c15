#include "storage/recording_lock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/captures.hpp"

namespace rtpx {
namespace {

using testing::HasSubstr;

// What frees it when its process dies: tests/base/folder_lock_test.cpp, tests/recorder/live_folder_test.cpp.
TEST(RecordingLock, NamesItsOwnerAndLeavesNoFileWhenItIsReleased) {
  const test::TempDir dir;
  FileSystem& files = real_file_system();
  EXPECT_FALSE(recording_owner(dir.path()));
  auto lock = RecordingLock::take(files, dir.path(), "a recorder");
  ASSERT_TRUE(lock) << lock.error().message;
  const auto owner = recording_owner(dir.path());
  ASSERT_TRUE(owner);
  EXPECT_THAT(*owner, testing::AllOf(testing::StartsWith("a recorder on "), HasSubstr(" since 20"),
                                     HasSubstr("(process " + std::to_string(::getpid()) + ")")));
  const auto second = RecordingLock::take(files, dir.path(), "rtpx recover");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::already_exists);
  EXPECT_THAT(second.error().message, HasSubstr("a recorder on "));

  lock->release();
  EXPECT_FALSE(recording_owner(dir.path()));
  EXPECT_FALSE(std::filesystem::exists(dir / kLockFileName));
  EXPECT_TRUE(RecordingLock::take(files, dir.path(), "rtpx recover"));
}

}  // namespace
}  // namespace rtpx
