#include "compose/speech.hpp"

#include <algorithm>
#include <cmath>

namespace rtpx::film {
namespace {

constexpr std::uint8_t kQuietest = 50;     // -dBov of a voice
constexpr std::size_t kAttack = 6;         // steps of voice that are speech
constexpr std::size_t kRelease = 16;       // steps of pause within it
constexpr std::size_t kTakesFloor = 14;    // steps of voice
constexpr std::size_t kShortestTurn = 30;  // steps, while its speaker goes on
constexpr double kLouderDb = 6;
constexpr std::size_t kLouderFor = 20;     // steps
constexpr std::size_t kSilentFor = 20;     // steps: muted
constexpr std::size_t kNothingFor = 40;    // steps: muted
constexpr std::size_t kMostSpeechSpans = 4'000;  // of each kind and person

/// A run of speech, in steps.
struct Utterance {
  std::size_t from = 0, to = 0, voiced = 0;
};

Span span_of(std::size_t from, std::size_t to) {
  return {static_cast<std::int64_t>(from) * Levels::kStepNs, static_cast<std::int64_t>(to) * Levels::kStepNs};
}

std::vector<Utterance> utterances_of(const Levels& levels) {
  const bool detector = std::ranges::find(levels.voice, true) != levels.voice.end();
  std::vector<Utterance> out;
  for (std::size_t i = 0; i < levels.steps.size(); ++i) {
    if (levels.steps[i] > kQuietest || (detector && !levels.voice[i])) continue;
    if (out.empty() || i > out.back().to + kRelease) {
      if (!out.empty() && out.back().voiced < kAttack) out.pop_back();
      if (out.size() == kMostSpeechSpans) break;
      out.push_back({i, i, 0});
    }
    out.back().to = i + 1;
    ++out.back().voiced;
  }
  if (!out.empty() && out.back().voiced < kAttack) out.pop_back();
  return out;
}

Spans muted_of(const Levels& levels) {
  Spans out;
  const std::size_t size = levels.steps.size();
  for (std::size_t i = 0; i < size && out.size() < kMostSpeechSpans;) {
    std::size_t silent = 0, end = i;
    for (; end < size && levels.steps[end] >= Levels::kSilence; ++end)
      if (levels.steps[end] == Levels::kSilence) ++silent;
    if (silent >= kSilentFor || end - i >= kNothingFor) out.push_back(span_of(i, end));
    i = end + 1;
  }
  return out;
}

/// Loudness as it is heard: rises at once, falls by 20 dB a second.
std::vector<double> smoothed(const Levels& levels, std::size_t steps) {
  std::vector<double> out(steps, -127);
  double now = -127;
  for (std::size_t i = 0; i < steps; ++i) {
    const std::uint8_t level = i < levels.steps.size() ? levels.steps[i] : Levels::kNothing;
    now = std::max(level > 127 ? -127.0 : -static_cast<double>(level), now - 1);
    out[i] = now;
  }
  return out;
}

int first_level(const Levels& levels, std::size_t from) {
  int best = 127;
  for (std::size_t i = from; i < std::min(from + 20, levels.steps.size()); ++i)
    best = std::min(best, int{levels.steps[i]});
  return -best;
}

/// Decides step by step who has the floor.
class Floor {
 public:
  explicit Floor(const std::vector<Levels>& levels) : levels_(levels) {
    for (const Levels& one : levels) steps_ = std::max(steps_, one.steps.size());
    for (const Levels& one : levels) {
      utterances_.push_back(utterances_of(one));
      loudness_.push_back(smoothed(one, steps_));
    }
    next_.resize(levels.size());
    louder_since_.resize(levels.size(), SIZE_MAX);
  }

  [[nodiscard]] const std::vector<Utterance>& utterances(std::size_t who) const { return utterances_[who]; }

  std::vector<Turn> turns() {
    for (std::size_t now = 0; now < steps_; ++now) step(now);
    return std::move(turns_);
  }

 private:
  [[nodiscard]] const Utterance* speaks(std::size_t who, std::size_t now) {
    const auto& all = utterances_[who];
    std::size_t& next = next_[who];
    while (next < all.size() && all[next].to <= now) ++next;
    return next < all.size() && all[next].from <= now ? &all[next] : nullptr;
  }

  void step(std::size_t now) {
    const bool holder_speaks = holder_ != SIZE_MAX && speaks(holder_, now) != nullptr;
    std::size_t loudest = SIZE_MAX;
    for (std::size_t who = 0; who < levels_.size(); ++who) {
      const Utterance* utterance = who == holder_ ? nullptr : speaks(who, now);
      if (utterance == nullptr || utterance->voiced < kTakesFloor) {
        louder_since_[who] = SIZE_MAX;
        continue;
      }
      if (holder_speaks && loudness_[who][now] < loudness_[holder_][now] + kLouderDb)
        louder_since_[who] = SIZE_MAX;
      else if (louder_since_[who] == SIZE_MAX)
        louder_since_[who] = now;
      if (louder_since_[who] != SIZE_MAX &&
          (loudest == SIZE_MAX || loudness_[who][now] > loudness_[loudest][now]))
        loudest = who;
    }
    if (loudest == SIZE_MAX) return;
    if (holder_speaks && (now - since_ < kShortestTurn || now - louder_since_[loudest] < kLouderFor)) return;
    turns_.push_back({static_cast<std::int64_t>(now) * Levels::kStepNs, loudest,
                      first_level(levels_[loudest], now), holder_speaks, levels_[loudest].by_header});
    holder_ = loudest;
    since_ = now;
    std::ranges::fill(louder_since_, SIZE_MAX);
  }

  const std::vector<Levels>& levels_;
  std::size_t steps_ = 0;
  std::vector<std::vector<Utterance>> utterances_;
  std::vector<std::vector<double>> loudness_;
  std::vector<std::size_t> next_;
  std::vector<std::size_t> louder_since_;  // SIZE_MAX: not louder
  std::size_t holder_ = SIZE_MAX, since_ = 0;
  std::vector<Turn> turns_;
};

}  // namespace

void Levels::add(std::int64_t time_ns, std::uint8_t level, bool voice_flag) {
  constexpr std::size_t kMostSteps = 24 * 3'600 * 20;
  if (time_ns < 0) return;
  const auto step = static_cast<std::size_t>(time_ns / kStepNs);
  if (step >= kMostSteps) return;
  if (step >= steps.size()) {
    steps.resize(step + 1, kNothing);
    voice.resize(step + 1, false);
  }
  if (steps[step] == kNothing || level < steps[step]) steps[step] = level;
  if (voice_flag) voice[step] = true;
}

Speech find_speech(const std::vector<Levels>& levels) {
  Speech out;
  Floor floor(levels);
  for (std::size_t who = 0; who < levels.size(); ++who) {
    Spans speaking;
    for (const Utterance& one : floor.utterances(who)) speaking.push_back(span_of(one.from, one.to));
    out.speaking.push_back(std::move(speaking));
    out.muted.push_back(muted_of(levels[who]));
  }
  out.turns = floor.turns();
  return out;
}

}  // namespace rtpx::film
