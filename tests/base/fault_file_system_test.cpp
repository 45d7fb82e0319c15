#include "support/fault_file_system.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "support/captures.hpp"

namespace rtpx::test {
namespace {

namespace fs = std::filesystem;
using Op = FaultFileSystem::Op;

class FaultFileSystemTest : public testing::Test {
 protected:
  std::unique_ptr<File> create(const fs::path& path) {
    return std::move(disk_.open(path, OpenMode::create_new)).value();
  }
  /// The files that survive a power loss, with their content.
  std::map<std::string, std::string> left(std::optional<unsigned> seed = {}) {
    const TempDir dir;
    disk_.survivors("/", dir / "left", seed);
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(dir / "left"))
      if (entry.is_regular_file())
        files[fs::relative(entry.path(), dir / "left").string()] = read_file(entry.path());
    return files;
  }
  using Files = std::map<std::string, std::string>;
  FaultFileSystem disk_;
};

TEST_F(FaultFileSystemTest, AFileNeedsItsSyncAndItsFoldersSync) {
  const auto file = create("/f");
  ASSERT_TRUE(write_all(*file, as_bytes("abc")));
  EXPECT_EQ(disk_.content("/f"), "abc");
  EXPECT_EQ(left(), Files{});
  ASSERT_TRUE(disk_.sync_directory("/"));
  EXPECT_EQ(left(), (Files{{"f", ""}}));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(write_all(*file, as_bytes("def")));
  EXPECT_EQ(left(), (Files{{"f", "abc"}}));
  ASSERT_TRUE(file->truncate(1));
  ASSERT_TRUE(write_all(*file, as_bytes("x")));
  EXPECT_EQ(left(), (Files{{"f", "abc"}}));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(left(), (Files{{"f", "ax"}}));
}

TEST_F(FaultFileSystemTest, AFolderNeedsItsParentsSync) {
  ASSERT_TRUE(disk_.create_directories("/a/b"));
  const auto file = create("/a/b/f");
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(disk_.sync_directory("/a/b"));
  EXPECT_EQ(left(), Files{});
  ASSERT_TRUE(disk_.sync_directory("/a"));
  ASSERT_TRUE(disk_.sync_directory("/"));
  EXPECT_EQ(left(), (Files{{"a/b/f", ""}}));
}

TEST_F(FaultFileSystemTest, AtomicWritesSurviveOldOrNewAtEveryStep) {
  ASSERT_TRUE(write_file_atomically(disk_, "/m", as_bytes("old")));
  EXPECT_EQ(left(), (Files{{"m", "old"}}));
  const std::uint64_t before = disk_.changing_calls();
  ASSERT_TRUE(write_file_atomically(disk_, "/m", as_bytes("new")));
  const std::uint64_t calls = disk_.changing_calls() - before;
  EXPECT_EQ(calls, 6U);  // create, cut, write, sync, rename, sync the folder
  for (std::uint64_t at = 1; at <= calls; ++at)
    for (unsigned seed = 0; seed < 20; ++seed) {
      FaultFileSystem disk;
      ASSERT_TRUE(write_file_atomically(disk, "/m", as_bytes("old")));
      disk.crash_at(before + at);
      EXPECT_FALSE(write_file_atomically(disk, "/m", as_bytes("new")));
      const TempDir dir;
      disk.survivors("/", dir / "left", seed == 0 ? std::nullopt : std::optional(seed));
      const std::string content = read_file(dir / "left/m");
      EXPECT_TRUE(content == "old" || content == "new") << at << " " << content;
    }
}

TEST_F(FaultFileSystemTest, ARenameWithoutSyncCanLeaveAnEmptyFile) {
  ASSERT_TRUE(write_all(*create("/t"), as_bytes("new")));
  ASSERT_TRUE(disk_.rename("/t", "/m"));
  ASSERT_TRUE(disk_.sync_directory("/"));
  EXPECT_EQ(left(), (Files{{"m", ""}}));
}

TEST_F(FaultFileSystemTest, AFullDiskTakesAPartAndThenNothing) {
  disk_.set_capacity(10);
  const auto file = create("/f");
  std::uint64_t written = 0;
  const Bytes bytes = as_bytes("0123456789abc");
  const auto done = write_all(*file, std::span(&bytes, 1), written);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::no_space);
  EXPECT_EQ(written, 10U);
  EXPECT_EQ(disk_.free_bytes("/").value(), 0U);
  ASSERT_TRUE(disk_.remove("/f"));
  EXPECT_EQ(disk_.free_bytes("/").value(), 10U);
  const auto reserve = create("/r");
  ASSERT_TRUE(reserve->reserve(8));
  EXPECT_EQ(disk_.free_bytes("/").value(), 2U);
  EXPECT_EQ(reserve->reserve(11).error().code, Errc::no_space);
}

TEST_F(FaultFileSystemTest, FailsAtTheChosenCall) {
  const auto file = create("/f");  // 1
  disk_.fail_at(3, Errc::io);
  EXPECT_TRUE(write_all(*file, as_bytes("a")));    // 2
  EXPECT_EQ(file->sync().error().code, Errc::io);  // 3
  EXPECT_TRUE(file->sync());                       // 4
  disk_.fail_at(5, Errc::no_space, true);
  EXPECT_FALSE(file->sync());
  EXPECT_FALSE(file->sync());
  EXPECT_EQ(disk_.calls(Op::sync), 4U);
}

TEST_F(FaultFileSystemTest, ShortWritesAreCompletedByTheirCaller) {
  disk_.set_short_writes(3);
  const auto file = create("/f");
  ASSERT_TRUE(write_all(*file, as_bytes("0123456789")));
  EXPECT_EQ(disk_.content("/f"), "0123456789");
  EXPECT_EQ(disk_.calls(Op::write), 4U);
}

TEST_F(FaultFileSystemTest, BlockedWritesGoOnWhenReleased) {
  const auto file = create("/f");
  disk_.block();
  std::jthread writer([&] { EXPECT_TRUE(write_all(*file, as_bytes("a"))); });
  EXPECT_EQ(disk_.content("/f"), "");
  disk_.unblock();
  writer.join();
  EXPECT_EQ(disk_.content("/f"), "a");
}

TEST_F(FaultFileSystemTest, TheHookMayFailOneFile) {
  disk_.set_hook([](const FaultFileSystem::Call& call) -> std::optional<Error> {
    if (call.op == Op::write && call.path == "/bad") return Error{Errc::io, "bad sector"};
    return std::nullopt;
  });
  EXPECT_TRUE(write_all(*create("/good"), as_bytes("a")));
  EXPECT_FALSE(write_all(*create("/bad"), as_bytes("a")));
}

TEST_F(FaultFileSystemTest, AfterTheCrashNothingChanges) {
  const auto file = create("/f");
  ASSERT_TRUE(disk_.sync_directory("/"));
  ASSERT_TRUE(write_all(*file, as_bytes("abcd")));
  ASSERT_TRUE(file->sync());
  disk_.crash_now();
  EXPECT_FALSE(write_all(*file, as_bytes("e")));
  EXPECT_FALSE(disk_.list("/"));
  for (unsigned seed = 0; seed < 20; ++seed) EXPECT_EQ(left(seed), (Files{{"f", "abcd"}}));
}

}  // namespace
}  // namespace rtpx::test
