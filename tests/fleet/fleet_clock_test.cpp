// How far a node's clock is from the fleet's, by made exchanges of which the truth is known.
#include "fleet/fleet_clock.hpp"

#include <gtest/gtest.h>

#include <random>

namespace rtpx::fleet {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kTruthNs = 1'790'000'000'000'000'000;  // fleet's time at the receive clock's zero
constexpr ReceiveClock::time_point kZero{};

/// By an anchor whose wall clock is ahead of the fleet's by three seconds.
const ClockAnchor kAhead{0, UtcTime(std::chrono::microseconds(kTruthNs / 1'000 + 3'000'000))};

/// An exchange that begins `at`, on a way that takes so long there and back; the server's clock is `off`.
void exchange(FleetClock& clock, ReceiveClock::duration at, ReceiveClock::duration there, ReceiveClock::duration back,
              std::int64_t off_ns = 0) {
  const auto sent = kZero + at;
  clock.add(sent, sent + there + back, kTruthNs + (at + there).count() + off_ns);
}

TEST(FleetClock, KnowsNothingUntilItIsToldSomethingAndForgetsWhatIsOld) {
  FleetClock clock;
  EXPECT_FALSE(clock.offset_of(kAhead, kZero));
  exchange(clock, 10s, 1ms, 1ms);
  const auto known = clock.offset_of(kAhead, kZero + 11s);
  ASSERT_TRUE(known);
  EXPECT_NEAR(static_cast<double>(known->offset_us), -3'000'000, 5);
  EXPECT_GE(known->error_us, 1'000);
  EXPECT_LT(known->error_us, 1'200);
  EXPECT_FALSE(clock.offset_of(kAhead, kZero + 16min));
}

TEST(FleetClock, TheNarrowestExchangeCountsAndTheBoundHolds) {
  std::mt19937 random(1);
  FleetClock clock;
  for (int i = 0; i < 2'000; ++i) {
    const auto way = [&] { return std::chrono::microseconds(200 + random() % (i % 20 == 7 ? 800 : 400'000)); };
    exchange(clock, i * 5s, way(), way());
    const auto now = clock.offset_of(kAhead, kZero + i * 5s + 1s);
    ASSERT_TRUE(now);
    EXPECT_LE(std::abs(now->offset_us + 3'000'000), now->error_us) << i;
    if (i > 20) {
      EXPECT_LT(now->error_us, 15'000) << i;
    }
  }
}

TEST(FleetClock, DoesNotDependOnWhenTheRecordingBegan) {
  FleetClock clock;
  exchange(clock, 10s, 1ms, 1ms);
  ClockAnchor later = kAhead;
  later.receive_time_ms += 7'000;
  later.utc += 7s;
  EXPECT_EQ(clock.offset_of(later, kZero + 11s), clock.offset_of(kAhead, kZero + 11s));
}

TEST(FleetClock, WhatContradictsReplacesWhatWasBefore) {
  FleetClock clock;
  exchange(clock, 10s, 100us, 100us);
  exchange(clock, 15s, 20ms, 20ms, 1'000'000'000);  // another server, a second ahead
  const auto now = clock.offset_of(kAhead, kZero + 16s);
  ASSERT_TRUE(now);
  EXPECT_NEAR(static_cast<double>(now->offset_us), -2'000'000, 5);
}

TEST(FleetClock, WhatCannotBeIsPassedOver) {
  FleetClock clock;
  clock.add(kZero + 2s, kZero + 1s, kTruthNs);
  clock.add(kZero, kZero + 1s, -1);
  clock.add(kZero, kZero + 1s, INT64_MAX);
  clock.add(kZero, kZero + 1s, INT64_MIN);
  EXPECT_FALSE(clock.offset_of(kAhead, kZero + 2s));
}

}  // namespace
}  // namespace rtpx::fleet
