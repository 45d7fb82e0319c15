// The claim protocol in seeded histories of everything that can go wrong. RTPX_HISTORIES sets another number.
#include "fleet/simulation.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace rtpx::test {
namespace {

std::uint64_t histories() {
  if (const char* wanted = std::getenv("RTPX_HISTORIES")) return std::strtoull(wanted, nullptr, 10);
#if defined(RTPX_UNDER_ASAN) || defined(RTPX_UNDER_TSAN)
  return 200;
#else
  return std::getenv("RTPX_SOAK") != nullptr ? 100'000 : 1'000;
#endif
}

TEST(FleetSimulation, NoHistoryLosesOrDoublesAResult) {
  Simulation::Counts all;
  const std::uint64_t count = histories();
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    Simulation history(seed, Planted::none);
    ASSERT_EQ(history.run(), "");
    const Simulation::Counts& one = history.counts();
    all.crashes += one.crashes;
    all.pauses += one.pauses;
    all.lost_answers += one.lost_answers;
    all.old_answers += one.old_answers;
    all.ghosts += one.ghosts;
    all.redeliveries += one.redeliveries;
    all.takeovers += one.takeovers;
    all.discarded += one.discarded;
    all.emptied += one.emptied;
    all.rolled_back += one.rolled_back;
    all.done += one.done;
    all.failed += one.failed;
    all.events += one.events;
  }
  // A world in which nothing happens proves nothing.
  for (const std::uint64_t happened :
       {all.crashes, all.pauses, all.lost_answers, all.old_answers, all.ghosts, all.redeliveries,
        all.takeovers, all.discarded, all.emptied, all.rolled_back, all.done})
    EXPECT_GT(happened, count / 50);
  std::printf(
      "%llu histories: %llu results, %llu failed; %llu crashes, %llu pauses, %llu lost answers, %llu ghosts, "
      "%llu redeliveries, %llu takeovers, %llu outputs removed, store emptied %llu and rolled back %llu "
      "times\n",
      static_cast<unsigned long long>(count), static_cast<unsigned long long>(all.done),
      static_cast<unsigned long long>(all.failed), static_cast<unsigned long long>(all.crashes),
      static_cast<unsigned long long>(all.pauses), static_cast<unsigned long long>(all.lost_answers),
      static_cast<unsigned long long>(all.ghosts), static_cast<unsigned long long>(all.redeliveries),
      static_cast<unsigned long long>(all.takeovers), static_cast<unsigned long long>(all.discarded),
      static_cast<unsigned long long>(all.emptied), static_cast<unsigned long long>(all.rolled_back));
}

TEST(FleetSimulation, TheSameSeedIsTheSameHistory) {
  Simulation once(77, Planted::none), again(77, Planted::none);
  EXPECT_EQ(once.run(), again.run());
  EXPECT_EQ(once.counts().events, again.counts().events);
  EXPECT_EQ(once.counts().discarded, again.counts().discarded);
}

class FleetSimulationFinds : public testing::TestWithParam<Planted> {};

TEST_P(FleetSimulationFinds, APlantedFault) {
  constexpr std::uint64_t kMost = 5'000;
  std::string found;
  for (std::uint64_t seed = 1; seed <= kMost && found.empty(); ++seed)
    found = Simulation(seed, GetParam()).run();
  EXPECT_NE(found, "") << to_string(GetParam());
  std::printf("%s\n", found.c_str());
}

INSTANTIATE_TEST_SUITE_P(All, FleetSimulationFinds, testing::ValuesIn(kAllPlanted),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace rtpx::test
