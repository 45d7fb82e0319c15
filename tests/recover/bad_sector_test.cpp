// Disks that cannot read some of what they hold.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "recorder/started.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/recover.hpp"
#include "rtpx/verify.hpp"

namespace {

std::atomic<ino_t> bad_inode{0};
std::atomic<int> good_reads{0}, bad_reads{0};  // of the sector that are yet to succeed; that have failed
constexpr off_t kBadFrom = 98'304, kBadTo = kBadFrom + 4096;

}  // namespace

/// Takes the place of the C library's in this program: as the kernel, it reads up to a bad sector, and fails
/// there.
extern "C" ssize_t pread(int fd, void* to, size_t count, off_t offset) {
  struct stat info {};
  const auto end = offset + static_cast<off_t>(count);
  if (bad_inode.load() != 0 && ::fstat(fd, &info) == 0 && info.st_ino == bad_inode.load() &&
      offset < kBadTo && end > kBadFrom) {
    if (good_reads.load() > 0) {
      --good_reads;
      return ::syscall(SYS_pread64, fd, to, count, offset);
    }
    if (offset >= kBadFrom) {
      ++bad_reads;
      errno = EIO;
      return -1;
    }
    count = static_cast<size_t>(kBadFrom - offset);
  }
  return ::syscall(SYS_pread64, fd, to, count, offset);
}

namespace rtpx {
namespace {

constexpr std::uint32_t kPackets = 1000;

/// A whole recording of VP8 pictures with a bad sector in its record file.
class BadSector : public testing::Test {
 protected:
  void SetUp() override {
    test::Started s;
    s.add(test::video("camera"));
    for (std::uint32_t i = 0; i < kPackets; ++i)
      ASSERT_EQ(s.recorder->record("camera", std::nullopt, test::vp8_picture(i, 1000)), Outcome::accepted);
    const std::string file = s.end("camera").manifest.at("camera").location;
    s.recorder.reset();
    std::filesystem::create_directory(dir / "recording");
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(file).parent_path()))
      std::filesystem::copy(entry.path(), dir / "recording" / entry.path().filename());
    folder = dir / "recording";
    struct stat info {};
    ASSERT_EQ(::stat((folder / "camera.rtpx").c_str(), &info), 0);
    bad_inode.store(info.st_ino);
  }
  void TearDown() override {
    bad_inode.store(0);
    good_reads.store(0);
    bad_reads.store(0);
  }
  /// Converts with a sector that can be read `good` times and no more.
  [[nodiscard]] Result<ConvertResult> converted_with(int good) {
    good_reads.store(good);
    bad_reads.store(0);
    ConvertOptions options;
    options.output_path = dir / ("out" + std::to_string(good));
    return convert(folder.string(), options);
  }

  test::TempDir dir;
  std::filesystem::path folder;
};

TEST_F(BadSector, IsDamageToVerify) {
  const auto report = verify(folder);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->exit_code(), 1);
  const VerifiedFile& file = report->files.at(0);
  EXPECT_GE(file.damaged_bytes, 4096U);
  EXPECT_LE(file.damaged_bytes, 128U << 10) << "the block that it lies in";
  EXPECT_GT(file.proven_bytes, file.bytes / 2);
}

TEST_F(BadSector, CostsRecoveryTheRecordsInItOnly) {
  const auto report = recover(folder, {.output = dir / "copy"});
  ASSERT_TRUE(report) << report.error().message;
  const auto left = test::records(test::read_file(dir / "copy" / "camera.rtpx"));
  EXPECT_LT(left.size(), kPackets);
  EXPECT_GE(left.size(), kPackets - 6);
  for (const auto& record : left)
    EXPECT_EQ(record.packet, test::text(test::vp8_picture(
                                 load_be<std::uint32_t>(as_bytes(record.packet).data() + 4) / 3000, 1000)));
  bad_inode.store(0);
  const auto checked = verify(dir / "copy");
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->files.at(0).damaged_bytes, 0U);
}

TEST_F(BadSector, CostsAConversionThePicturesInItOnly) {
  ConvertOptions options;
  options.output_path = dir / "out";
  const auto result = convert(folder.string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GT(std::filesystem::file_size(result->files.at("stream").file), (kPackets - 6) * 970U);
  EXPECT_TRUE(result->lost_media);
}

// A conversion reads a file more than once: to scan it, to look where it begins and ends, to write.
TEST_F(BadSector, ThatGoesBadDuringAConversionIsTold) {
  int good = 1;
  for (;; ++good) {
    const auto result = converted_with(good);
    ASSERT_TRUE(result) << result.error().message;
    if (bad_reads.load() == 0) break;  // all reads have succeeded
    EXPECT_TRUE(result->lost_media) << "exit status 1, after " << good << " reads";
    std::string told;
    for (const ConvertNote& note : result->notes)
      if (note.severity == ConvertNote::Severity::loss) told += note.message + "\n";
    EXPECT_THAT(told, testing::ContainsRegex("track camera: .*/camera.rtpx could be read at offset 9[0-9][0-9][0-9][0-9] "
                                             "before and cannot now: the disk does not give it"))
        << "after " << good << " reads";
    ASSERT_LT(good, 1000);
  }
  EXPECT_GT(good, 1) << "a file is read more than once";
  const auto result = converted_with(good);
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->lost_media);
}

}  // namespace
}  // namespace rtpx
