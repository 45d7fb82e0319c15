#include <gtest/gtest.h>

#include "compose/speech.hpp"

using namespace rtpx::film;

namespace {

constexpr std::int64_t kMs = 1'000'000;

/// Speaks at `level` in [from, to) seconds; else there is a quiet room.
Levels voice(std::initializer_list<std::tuple<double, double, int>> spans, double seconds = 20) {
  Levels out;
  out.by_header = true;
  for (int ms = 0; ms < static_cast<int>(seconds * 1000); ms += 20) {
    int level = 80;
    for (const auto& [from, to, loud] : spans)
      if (ms >= from * 1000 && ms < to * 1000) level = loud;
    out.add(ms * kMs, static_cast<std::uint8_t>(level), false);
  }
  return out;
}

std::vector<std::pair<double, std::size_t>> turns_of(const std::vector<Levels>& levels) {
  std::vector<std::pair<double, std::size_t>> out;
  for (const Turn& turn : find_speech(levels).turns)
    out.emplace_back(static_cast<double>(turn.from_ns) / 1e9, turn.who);
  return out;
}

using Turns = std::vector<std::pair<double, std::size_t>>;

TEST(Speech, WhoSpeaksHasTheFloorFromTheFirstWord) {
  EXPECT_EQ(turns_of({voice({{1, 4, 20}}), voice({{6, 9, 20}})}), (Turns{{1, 0}, {6, 1}}));
}

TEST(Speech, PausesBetweenWordsKeepTheFloor) {
  EXPECT_EQ(turns_of({voice({{1, 2, 20}, {2.6, 3.6, 20}, {4.2, 6, 20}}), voice({{8, 9, 20}})}),
            (Turns{{1, 0}, {8, 1}}));
}

TEST(Speech, ACoughTakesNothing) {
  EXPECT_EQ(turns_of({voice({{1, 5, 20}}), voice({{6, 6.15, 10}})}), (Turns{{1, 0}}));
}

TEST(Speech, AYesInBetweenDoesNotInterrupt) {
  EXPECT_EQ(turns_of({voice({{1, 8, 25}}), voice({{4, 4.9, 22}})}), (Turns{{1, 0}}));
}

TEST(Speech, WhoIsMuchLouderForASecondTakesOver) {
  const auto speech = find_speech({voice({{1, 10, 40}}), voice({{4, 10, 20}})});
  ASSERT_EQ(speech.turns.size(), 2U);
  EXPECT_EQ(speech.turns[1].who, 1U);
  EXPECT_TRUE(speech.turns[1].louder);
  EXPECT_EQ(speech.turns[1].from_ns, 5'000 * kMs);
  EXPECT_EQ(speech.turns[1].level_dbov, -20);
}

TEST(Speech, TheSendersVoiceDetectorIsBelieved) {
  Levels keyboard = voice({{2, 9, 30}});
  Levels speaker = voice({{4, 6, 30}});
  for (std::size_t i = 80; i < 120; ++i) speaker.voice[i] = true;
  keyboard.voice[0] = true;  // it has a detector, which says no later
  EXPECT_EQ(turns_of({keyboard, speaker}), (Turns{{4, 1}}));
}

TEST(Speech, SilenceAndAbsenceAreMuted) {
  Levels levels;
  const auto fill = [&](int from_ms, int to_ms, std::uint8_t level) {
    for (int ms = from_ms; ms < to_ms; ms += 20) levels.add(ms * kMs, level, false);
  };
  fill(0, 3000, 60);
  fill(3000, 5000, 127);  // digital silence
  fill(5000, 6000, 60);
  fill(6000, 6500, 127);  // too short
  fill(6500, 8000, 60);
  fill(11000, 12000, 60);  // nothing came for three seconds
  const auto speech = find_speech({levels});
  EXPECT_EQ(speech.muted[0], (Spans{{3'000 * kMs, 5'000 * kMs}, {8'000 * kMs, 11'000 * kMs}}));
}

TEST(Speech, TimesBeyondADayAreLeftOut) {
  Levels levels;
  levels.add(INT64_MAX, 20, true);
  levels.add(-5, 20, true);
  EXPECT_TRUE(levels.steps.empty());
  EXPECT_TRUE(find_speech({levels}).turns.empty());
}

}  // namespace
