#include "compose/speech.hpp"

#include <algorithm>

#include "compose/floor.hpp"

namespace rtpx::film {
namespace {

constexpr std::size_t kMostSpeechSpans = 4'000;  // of each kind and person

std::vector<Utterance> utterances_of(const Levels& levels) {
  const bool detector = std::ranges::find(levels.voice, true) != levels.voice.end();
  std::vector<Utterance> out;
  for (std::size_t i = 0; i < levels.steps.size() && out.size() <= kMostSpeechSpans; ++i)
    if (is_voice(levels.steps[i]) && (!detector || levels.voice[i])) add_voice(out, i);
  if (!out.empty() && !out.back().is_speech()) out.pop_back();
  if (out.size() > kMostSpeechSpans) out.pop_back();
  return out;
}

Spans muted_of(const Levels& levels) {
  Spans out;
  Quiet quiet;
  for (std::size_t i = 0; i < levels.steps.size() && out.size() < kMostSpeechSpans; ++i)
    if (const auto muted = quiet.add(i, levels.steps[i])) out.push_back(*muted);
  if (const auto muted = quiet.until(levels.steps.size()); muted && out.size() < kMostSpeechSpans) out.push_back(*muted);
  return out;
}

std::vector<double> smoothed(const Levels& levels, std::size_t steps) {
  std::vector<double> out(steps, -127);
  double now = -127;
  for (std::size_t i = 0; i < steps; ++i)
    out[i] = now = heard_after(now, i < levels.steps.size() ? levels.steps[i] : Levels::kNothing);
  return out;
}

/// All of a call, known from its first step to its last.
class WholeCall final : public Hearing {
 public:
  explicit WholeCall(const std::vector<Levels>& levels) : levels_(levels) {
    for (const Levels& one : levels) steps_ = std::max(steps_, one.steps.size());
    for (const Levels& one : levels) {
      utterances_.push_back(utterances_of(one));
      loudness_.push_back(smoothed(one, steps_));
    }
    next_.resize(levels.size());
  }
  [[nodiscard]] std::size_t steps() const { return steps_; }
  [[nodiscard]] const std::vector<Utterance>& utterances(std::size_t who) const { return utterances_[who]; }

  [[nodiscard]] std::size_t people() const override { return levels_.size(); }
  // Steps come in order.
  [[nodiscard]] const Utterance* speaks(std::size_t who, std::size_t step) override {
    const auto& all = utterances_[who];
    std::size_t& next = next_[who];
    while (next < all.size() && all[next].to <= step) ++next;
    return next < all.size() && all[next].from <= step ? &all[next] : nullptr;
  }
  [[nodiscard]] double loudness(std::size_t who, std::size_t step) const override { return loudness_[who][step]; }
  [[nodiscard]] int first_level(std::size_t who, std::size_t step) const override {
    return loudest_of(levels_[who].steps, step);
  }
  [[nodiscard]] bool by_header(std::size_t who) const override { return levels_[who].by_header; }

 private:
  const std::vector<Levels>& levels_;
  std::size_t steps_ = 0;
  std::vector<std::vector<Utterance>> utterances_;
  std::vector<std::vector<double>> loudness_;
  std::vector<std::size_t> next_;
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
  WholeCall call(levels);
  for (std::size_t who = 0; who < levels.size(); ++who) {
    Spans speaking;
    for (const Utterance& one : call.utterances(who)) speaking.push_back(span_of(one.from, one.to));
    out.speaking.push_back(std::move(speaking));
    out.muted.push_back(muted_of(levels[who]));
  }
  Floor floor;
  for (std::size_t step = 0; step < call.steps(); ++step)
    if (const auto turn = floor.step(step, call)) out.turns.push_back(*turn);
  return out;
}

}  // namespace rtpx::film
