#include "base/file_system.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::TempDir;

FileSystem& files() {
  return real_file_system();
}

TEST(FileSystem, WritesAppendAlsoAfterACut) {
  const TempDir dir;
  auto file = files().open(dir / "f", OpenMode::create_new);
  ASSERT_TRUE(file) << file.error().message;
  const std::array parts = {as_bytes("one "), as_bytes(""), as_bytes("two "), as_bytes("three")};
  std::uint64_t written = 0;
  ASSERT_TRUE(write_all(**file, parts, written));
  EXPECT_EQ(written, 13U);
  ASSERT_TRUE((*file)->truncate(4));
  ASSERT_TRUE(write_all(**file, as_bytes("2")));
  ASSERT_TRUE((*file)->pwrite(as_bytes("O"), 0));
  ASSERT_TRUE((*file)->sync());
  ASSERT_TRUE((*file)->sync_range(0, 5, File::RangeSync::start));
  ASSERT_TRUE((*file)->sync_range(0, 5, File::RangeSync::finish_and_drop));
  EXPECT_EQ((*file)->size().value(), 5U);
  ASSERT_TRUE((*file)->close());
  EXPECT_FALSE((*file)->close());
  EXPECT_EQ(test::read_file(dir / "f"), "One 2");

  auto again = files().open(dir / "f", OpenMode::append);
  ASSERT_TRUE(again);
  ASSERT_TRUE(write_all(**again, as_bytes("!")));
  EXPECT_EQ(test::read_file(dir / "f"), "One 2!");
}

TEST(FileSystem, ManyPartsAreAllWritten) {
  const TempDir dir;
  const auto file = files().open(dir / "f", OpenMode::create_new);
  const std::vector<Bytes> parts(5000, as_bytes("ab"));
  std::uint64_t written = 0;
  ASSERT_TRUE(write_all(**file, parts, written));
  EXPECT_EQ(written, 10000U);
  EXPECT_EQ((*file)->size().value(), 10000U);
}

TEST(FileSystem, ReservedSpaceDoesNotShow) {
  const TempDir dir;
  const auto file = files().open(dir / "f", OpenMode::create_new);
  ASSERT_TRUE((*file)->reserve(1 << 20));
  EXPECT_EQ((*file)->size().value(), 0U);
}

TEST(FileSystem, ShortReadOnlyAtTheEnd) {
  const TempDir dir;
  test::write_file(dir / "f", "0123456789");
  const auto file = files().open(dir / "f", OpenMode::read);
  std::array<std::byte, 8> to;
  EXPECT_EQ((*file)->pread(to, 0).value(), 8U);
  EXPECT_EQ((*file)->pread(to, 6).value(), 4U);
  EXPECT_EQ((*file)->pread(to, 99).value(), 0U);
}

TEST(FileSystem, ErrorsHaveCodesAndNameThePath) {
  const TempDir dir;
  test::write_file(dir / "f", "x");
  const auto missing = files().open(dir / "missing", OpenMode::read);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_NE(missing.error().message.find((dir / "missing").string()), std::string::npos);
  EXPECT_EQ(files().open(dir / "f", OpenMode::create_new).error().code, Errc::already_exists);
  EXPECT_EQ(files().open(dir.path(), OpenMode::read).error().code, Errc::io);
  EXPECT_EQ(files().create_directory(dir.path()).error().code, Errc::already_exists);
  EXPECT_EQ(files().create_directories(dir / "f/below").error().code, Errc::already_exists);
  EXPECT_EQ(files().link(dir / "f", dir / "f").error().code, Errc::already_exists);
  EXPECT_EQ(files().remove(dir / "missing").error().code, Errc::not_found);
  EXPECT_EQ(files().stat(dir / "missing").value(), std::nullopt);
}

TEST(FileSystem, FullDiskIsNoSpace) {
  const auto file = files().open("/dev/full", OpenMode::append);
  if (!file) GTEST_SKIP() << "no /dev/full here";
  const auto done = write_all(**file, as_bytes("x"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::no_space);
}

TEST(FileSystem, TooManyFilesNamesTheLimit) {
  const TempDir dir;
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const rlimit low{static_cast<rlim_t>(lowest_free + 1), before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &low);
  const auto file = files().open(dir / "f", OpenMode::create_new);
  ::setrlimit(RLIMIT_NOFILE, &before);
  ::close(lowest_free);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::too_many_files);
  EXPECT_NE(file.error().message.find("may have " + std::to_string(lowest_free + 1) + " files open"),
            std::string::npos)
      << file.error().message;
}

TEST(FileSystem, FilesAreNotForOthersToRead) {
  const TempDir dir;
  const mode_t before = ::umask(0);
  ASSERT_TRUE(files().open(dir / "f", OpenMode::create_new));
  ASSERT_TRUE(files().create_directory(dir / "d"));
  ASSERT_TRUE(files().create_directories(dir / "p/q/"));
  ASSERT_TRUE(files().create_directories(dir / "p/q"));
  ::umask(before);
  const auto mode = [&](const char* name) {
    struct stat info {};
    ::stat((dir / name).c_str(), &info);
    return info.st_mode & 0777U;
  };
  EXPECT_EQ(mode("f"), 0640U);
  EXPECT_EQ(mode("d"), 0750U);
  EXPECT_EQ(mode("p/q"), 0750U);
}

TEST(FileSystem, ListsNamesInOrder) {
  const TempDir dir;
  test::write_file(dir / "b", "");
  test::write_file(dir / "a", "");
  ASSERT_TRUE(files().create_directory(dir / "c"));
  const auto entries = files().list(dir.path()).value();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[2].name, "c");
  EXPECT_TRUE(entries[2].is_directory);
  EXPECT_GT(files().free_bytes(dir.path()).value(), 0U);
}

TEST(FileSystem, AtomicWriteReplacesTheFileAndLeavesNothingBeside) {
  const TempDir dir;
  test::write_file(dir / "m.json", "old");
  test::write_file(dir / ".m.json.tmp", "left behind by a crash, and longer");
  ASSERT_TRUE(write_file_atomically(files(), dir / "m.json", as_bytes("new")));
  EXPECT_EQ(read_whole_file(files(), dir / "m.json").value(), "new");
  EXPECT_EQ(files().list(dir.path()).value().size(), 1U);
  EXPECT_EQ(read_whole_file(files(), dir / "m.json", 2).error().code, Errc::malformed);
}

TEST(FileSystem, FailedAtomicWriteLeavesTheOldFile) {
  const TempDir dir;
  ASSERT_TRUE(files().create_directories(dir / "m.json/inside"));  // a rename over it fails
  EXPECT_FALSE(write_file_atomically(files(), dir / "m.json", as_bytes("new")));
  EXPECT_EQ(files().list(dir.path()).value().size(), 1U);
  EXPECT_EQ(write_file_atomically(files(), dir / "none/m.json", as_bytes("new")).error().code,
            Errc::not_found);
}

}  // namespace
}  // namespace rtpx
