#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "compose/live_speech.hpp"
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

/// Four people's levels by step: talk, coughs, pauses, noise, silence and nothing at all, by chance.
std::vector<std::vector<std::uint8_t>> random_talk(unsigned seed, std::size_t steps) {
  std::mt19937 random(seed);
  const auto chance = [&](int most) { return static_cast<std::size_t>(random() % static_cast<unsigned>(most)); };
  std::vector<std::vector<std::uint8_t>> out(4);
  for (auto& levels : out)
    while (levels.size() < steps) {
      constexpr std::uint8_t kKinds[] = {20, 30, 45, 52, 80, Levels::kSilence, Levels::kNothing};
      const std::uint8_t level = kKinds[chance(7)];
      const std::size_t length = chance(2) == 0 ? 1 + chance(20) : 1 + chance(120);
      for (std::size_t i = 0; i < length && levels.size() < steps; ++i)
        levels.push_back(level < 60 ? static_cast<std::uint8_t>(level + chance(10)) : level);
    }
  return out;
}

TEST(LiveSpeech, SaysWhatIsSaidOfAllThatIsKnownAndKeepsLittle) {
  constexpr std::size_t kSteps = 4'000, kLook = 10, kComes = 700;  // the last one comes then
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const auto talk = random_talk(seed, kSteps);
    LiveSpeech live;
    for (int i = 0; i < 3; ++i) live.add_person();
    std::vector<Levels> all(4);
    for (std::size_t known = kLook; known <= kSteps; known += kLook) {
      if (known - kLook == kComes) live.add_person();
      for (std::size_t who = 0; who < 4; ++who) {
        all[who].steps.resize(known, Levels::kNothing);
        for (std::size_t step = known - kLook; step < known; ++step) {
          if ((who == 3 && step < kComes) || talk[who][step] == Levels::kNothing) continue;
          live.add(who, static_cast<std::int64_t>(step) * Levels::kStepNs + 1, talk[who][step]);
          all[who].steps[step] = talk[who][step];
        }
      }
      const std::int64_t now_ns = static_cast<std::int64_t>(known) * Levels::kStepNs;
      live.know_until(now_ns);
      ASSERT_LE(live.kept_steps(), 260U);
      if (known % 70 != 0) continue;
      const std::int64_t before_ns = now_ns - LiveSpeech::kRememberedNs;
      const Speech got = live.speech(), whole = find_speech(all);
      for (std::size_t who = 0; who < got.speaking.size(); ++who)
        for (const auto& [mine, wanted] : {std::pair(got.speaking[who], whole.speaking[who]), std::pair(got.muted[who], whole.muted[who])}) {
          Spans late = wanted;
          std::erase_if(late, [&](const Span& span) { return span.to_ns <= before_ns; });
          ASSERT_EQ(mine, late) << "seed " << seed << ", " << known << " steps, person " << who;
        }
      std::vector<Turn> wanted;
      for (std::size_t i = 0; i < whole.turns.size(); ++i) {
        bool is_last = true;
        for (std::size_t later = i + 1; later < whole.turns.size(); ++later) is_last = is_last && whole.turns[later].who != whole.turns[i].who;
        if (is_last || whole.turns[i].from_ns >= before_ns) wanted.push_back(whole.turns[i]);
      }
      std::vector<Turn> turns = got.turns;  // of somebody whose newest turn may still go, the one before is known, too
      std::erase_if(turns, [&](const Turn& turn) { return std::ranges::find(wanted, turn) == wanted.end() && turn.from_ns < before_ns; });
      ASSERT_EQ(turns, wanted) << "seed " << seed << ", " << known << " steps";
    }
  }
}

}  // namespace
