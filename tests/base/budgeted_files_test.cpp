#include "base/budgeted_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/data_extents.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

TEST(WriteBudget, PaysForGrowthOnlyAndTakesBackWhatIsCutOrRemoved) {
  const TempDir folder;
  WriteBudget budget(real_file_system(), folder.path(), 1000, 0);
  BudgetedFiles files(real_file_system(), budget);
  auto file = files.open(folder / "a", OpenMode::create_new).value();
  const std::string text(600, 'x');
  ASSERT_TRUE(write_all(*file, as_bytes(text)));
  ASSERT_TRUE(file->pwrite(as_bytes(text), 0)) << "it does not grow by that";
  ASSERT_TRUE(file->pwrite(as_bytes(text), 300));
  EXPECT_EQ(budget.taken(), 900U);
  const auto refused = write_all(*file, as_bytes(text));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_space);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("--max-output"));
  ASSERT_TRUE(file->truncate(100));
  EXPECT_EQ(budget.taken(), 100U);
  ASSERT_TRUE(write_all(*file, as_bytes(text)));
  file.reset();
  EXPECT_EQ(fs::file_size(folder / "a"), 700U);
  ASSERT_TRUE(files.remove(folder / "a"));
  EXPECT_EQ(budget.taken(), 0U);
}

TEST(WriteBudget, StopsWhereTheDiskHasTooLittleLeft) {
  const TempDir folder;
  WriteBudget budget(real_file_system(), folder.path(), 0, UINT64_MAX);
  const auto refused = budget.take(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_space);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("--min-free"));
  EXPECT_TRUE(WriteBudget(real_file_system(), folder.path(), 0, 1).take(1ULL << 40));
}

TEST(DataExtents, TellWhereBytesAre) {
  const TempDir folder;
  test::write_file(folder / "a", "begin");
  fs::resize_file(folder / "a", 1U << 30);
  {
    auto file = real_file_system().open(folder / "a", OpenMode::read_write).value();
    ASSERT_TRUE(file->pwrite(as_bytes(std::string_view("end")), (1U << 30) - 3));
  }
  const DataExtents extents(folder / "a");
  if (extents.next_hole(0) >= 1U << 30) GTEST_SKIP() << "a file system without holes";
  EXPECT_EQ(extents.next_data(0), 0U);
  EXPECT_GT(extents.next_data(1U << 20), (1U << 30) - (1U << 20));
  EXPECT_EQ(extents.next_data(1ULL << 40), UINT64_MAX);
  EXPECT_TRUE(extents.has_hole(0, 1U << 30, 1U << 20));
  EXPECT_FALSE(extents.has_hole(0, 3, 1));
  EXPECT_GE(extents.bytes(), 8U);
  EXPECT_LT(extents.bytes(), 2U << 20);
  EXPECT_EQ(DataExtents(folder / "nothing").bytes(), 0U);
  EXPECT_FALSE(read_whole_file(real_file_system(), folder / "a"));
}

}  // namespace
}  // namespace rtpx
