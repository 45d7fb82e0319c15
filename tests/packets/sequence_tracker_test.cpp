#include "packets/sequence_tracker.hpp"

#include <gtest/gtest.h>

namespace rtpx {
namespace {

using Fit = SequenceTracker::Fit;
constexpr std::uint32_t kRate = 48'000;

/// A line of 20 ms packets from `sequence` on.
class Line {
 public:
  explicit Line(std::uint16_t sequence = 100, std::uint32_t timestamp = 1000)
      : line_(kRate, sequence, timestamp, 0), sequence_(sequence), timestamp_(timestamp) {}

  /// Packet number `n` counted from the first, arriving `late_ms` after its time.
  Fit offer(int n, int late_ms = 0) {
    return offer_as(n, timestamp_ + 960U * static_cast<unsigned>(n), late_ms);
  }
  Fit offer_as(int n, std::uint32_t timestamp, int late_ms = 0) {
    const auto place = line_.fit(static_cast<std::uint16_t>(sequence_ + n), timestamp, n * 20 + late_ms);
    if (place.fit == Fit::ahead || place.fit == Fit::late) line_.take(place, n * 20 + late_ms);
    return place.fit;
  }
  void go(int from, int to) {
    for (int n = from; n < to; ++n) ASSERT_EQ(offer(n), Fit::ahead) << n;
  }
  SequenceTracker& line() { return line_; }

 private:
  SequenceTracker line_;
  std::uint16_t sequence_;
  std::uint32_t timestamp_;
};

TEST(SequenceTracker, ALatePacketFillsItsGapOnce) {
  Line line;
  line.go(1, 50);
  EXPECT_EQ(line.offer(52), Fit::ahead);
  EXPECT_EQ(line.line().gaps().missing_count(), 2U);
  EXPECT_EQ(line.offer(51, 2000), Fit::late);
  EXPECT_EQ(line.offer(51, 2000), Fit::duplicate);
  EXPECT_EQ(line.offer(50, 9000), Fit::late);
  EXPECT_EQ(line.line().gaps().missing_count(), 0U);
}

TEST(SequenceTracker, NumbersAndTimesWrapAnyNumberOfTimes) {
  Line line(65'500, 0xFFFFF000);
  line.go(1, 200'000);
  EXPECT_EQ(line.line().highest() - line.line().first(), 199'999);
  EXPECT_EQ(line.line().highest_timestamp() - line.line().first_timestamp(), 960LL * 199'999);
}

TEST(SequenceTracker, ALongLossIsNoRestart) {
  Line line;
  line.go(1, 3000);
  EXPECT_EQ(line.offer(3000 + 20'000), Fit::ahead);  // 400 s away, as many packets as that takes
}

TEST(SequenceTracker, ARestartBackwardsIsForeign) {
  Line line;
  line.go(1, 1000);
  EXPECT_EQ(line.offer_as(500, 1000U + 960U * 1000U), Fit::foreign);  // an old number with the present's time
}

TEST(SequenceTracker, ARestartForwardsIsForeign) {
  Line line;
  line.go(1, 1000);
  EXPECT_EQ(line.offer_as(21'000, 1000U + 960U * 1000U, -20'000 * 20), Fit::foreign);
}

TEST(SequenceTracker, AJumpOfTheRtpClockIsForeign) {
  Line line;
  line.go(1, 1000);
  EXPECT_EQ(line.offer_as(1000, 1000U + 960U * 1000U + kRate * 3600U), Fit::foreign);
}

TEST(SequenceTracker, ADuplicateOfAnyAgeIsOne) {
  Line line;
  line.go(1, 40'000);
  EXPECT_EQ(line.offer(39'999), Fit::duplicate);
  EXPECT_EQ(line.offer(10'000), Fit::duplicate);
}

TEST(SequenceTracker, PacketsBeforeTheFirstAreLate) {
  Line line;
  line.go(1, 3);
  const auto place = line.line().fit(98, 1000 - 2 * 960, 60);
  EXPECT_EQ(place.fit, Fit::late);
  line.line().take(place, 60);
  EXPECT_EQ(line.line().gaps().missing_count(), 1U);
}

}  // namespace
}  // namespace rtpx
