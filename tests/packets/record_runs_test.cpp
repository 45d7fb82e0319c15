#include "packets/record_runs.hpp"

#include <gtest/gtest.h>

#include <random>

#include "packets/number_ranges.hpp"

namespace rtpx {
namespace {

TEST(RecordRuns, AreReadAsTheyWereWritten) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    RecordRuns runs;
    std::vector<bool> written;
    for (unsigned run = 0; run < random() % 20; ++run) {
      const bool on_line = random() % 2 == 0;
      for (unsigned i = 0; i < random() % (seed % 3 == 0 ? 40'000 : 5); ++i) {
        runs.add(on_line);
        written.push_back(on_line);
      }
    }
    RecordRuns::Reader reader(runs);
    for (std::size_t i = 0; i < written.size(); ++i) ASSERT_EQ(reader.next(), written[i]) << seed << " " << i;
    for (int i = 0; i < 3; ++i) ASSERT_FALSE(reader.next());
  }
}

TEST(NumberRanges, HoldWhatWasAddedAndNotTakenAway) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    NumberRanges ranges;
    std::vector<bool> model(64);
    for (int step = 0; step < 200; ++step) {
      const auto number = random() % model.size();
      if (random() % 3 == 0) {
        EXPECT_EQ(ranges.remove(static_cast<std::int64_t>(number)), model[number]);
        model[number] = false;
      } else {
        ranges.add(static_cast<std::int64_t>(number));
        model[number] = true;
      }
    }
    std::vector<bool> held(model.size());
    std::int64_t last = -2;
    for (const auto& range : ranges.ranges()) {
      ASSERT_GT(range.first, last + 1) << "ranges adjoin";
      last = range.last;
      for (auto number = range.first; number <= range.last; ++number)
        held[static_cast<std::size_t>(number)] = true;
    }
    ASSERT_EQ(held, model) << seed;
  }
}

}  // namespace
}  // namespace rtpx
