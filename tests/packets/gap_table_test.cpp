#include "packets/gap_table.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace rtpx {
namespace {

TEST(GapTable, ANumberCanBeTakenOnce) {
  GapTable table;
  table.open(10, 3, 0);
  EXPECT_TRUE(table.missing(11));
  EXPECT_TRUE(table.take(11));
  EXPECT_FALSE(table.take(11));
  EXPECT_FALSE(table.take(13));
  EXPECT_EQ(table.missing_count(), 2U);
}

TEST(GapTable, AgreesWithASet) {
  std::mt19937 random(7);
  GapTable table;
  std::set<std::int64_t> missing;
  std::int64_t next = 1000;
  for (int i = 0; i < 5000; ++i) {
    if (random() % 3 == 0) {
      const auto count = static_cast<std::uint32_t>(random() % 5 + 1);
      table.open(next, count, 0);
      for (std::uint32_t k = 0; k < count; ++k) missing.insert(next + k);
      next += count + 1 + random() % 3;
    } else {
      const std::int64_t sequence = next - static_cast<std::int64_t>(random() % 40);
      EXPECT_EQ(table.missing(sequence), missing.contains(sequence));
      EXPECT_EQ(table.take(sequence), missing.erase(sequence) == 1);
    }
    ASSERT_EQ(table.missing_count(), missing.size());
  }
}

}  // namespace
}  // namespace rtpx
