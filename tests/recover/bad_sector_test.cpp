// Disks that cannot read some of what they hold.

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
constexpr off_t kBadFrom = 98'304, kBadTo = kBadFrom + 4096;

}  // namespace

/// Takes the place of the C library's in this program: as the kernel, it reads up to a bad sector, and fails
/// there.
extern "C" ssize_t pread(int fd, void* to, size_t count, off_t offset) {
  struct stat info {};
  const auto end = offset + static_cast<off_t>(count);
  if (bad_inode.load() != 0 && ::fstat(fd, &info) == 0 && info.st_ino == bad_inode.load() &&
      offset < kBadTo && end > kBadFrom) {
    if (offset >= kBadFrom) {
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
  void TearDown() override { bad_inode.store(0); }

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

}  // namespace
}  // namespace rtpx
