#include "base/wake_up.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace rtpx {
namespace {

using namespace std::chrono_literals;

TEST(WakeUp, OneOfBeforeEndsTheNextSleepAndNoOther) {
  WakeUp wake_up;
  wake_up.wake();
  wake_up.wake();
  wake_up.wait();
  const auto began = std::chrono::steady_clock::now();
  wake_up.wait_until(began + 20ms);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 20ms);
  wake_up.wait_until(began);  // is over
}

// Who wakes after a change is seen, whenever the other falls asleep: one that got lost would end this by the test's time limit.
TEST(WakeUp, NoneIsLost) {
  constexpr int kCount = 20'000;
  WakeUp asked, answered;
  std::atomic<int> asks{0}, answers{0};
  std::jthread other([&] {
    while (answers.load() < kCount) {
      while (asks.load() == answers.load()) asked.wait();
      answers.fetch_add(1);
      answered.wake();
    }
  });
  for (int i = 0; i < kCount; ++i) {
    asks.fetch_add(1);
    asked.wake();
    while (answers.load() <= i) answered.wait();
  }
  EXPECT_EQ(answers.load(), kCount);
}

}  // namespace
}  // namespace rtpx
