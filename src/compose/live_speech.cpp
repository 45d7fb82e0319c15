#include "compose/live_speech.hpp"

#include <algorithm>
#include <set>

namespace rtpx::film {

/// The steps that are kept.
class LiveSpeech::Window final : public Hearing {
 public:
  explicit Window(const LiveSpeech& speech) : speech_(speech) {}

  [[nodiscard]] std::size_t people() const override { return speech_.people_.size(); }
  [[nodiscard]] const Utterance* speaks(std::size_t who, std::size_t step) override {
    for (const Utterance& one : speech_.people_[who].utterances)
      if (one.from <= step && step < one.to) return one.is_speech() ? &one : nullptr;
    return nullptr;
  }
  [[nodiscard]] double loudness(std::size_t who, std::size_t step) const override {
    return speech_.people_[who].loudness[step - speech_.settled_];
  }
  [[nodiscard]] int first_level(std::size_t who, std::size_t step) const override {
    return loudest_of(speech_.people_[who].levels, step - speech_.settled_);
  }
  [[nodiscard]] bool by_header(std::size_t) const override { return false; }

 private:
  const LiveSpeech& speech_;
};

void LiveSpeech::add_person() {
  Person& person = people_.emplace_back();
  person.loudness.resize(known_ - settled_, -127);
  person.levels.resize(known_ - settled_, Levels::kNothing);
  for (std::size_t step = 0; step < known_; ++step) (void)person.quiet.add(step, Levels::kNothing);
}

void LiveSpeech::add(std::size_t who, std::int64_t time_ns, std::uint8_t level) {
  const auto step = static_cast<std::size_t>(std::max<std::int64_t>(time_ns, 0) / Levels::kStepNs);
  if (step < known_) return;
  auto& levels = people_[who].levels;
  if (step - settled_ >= levels.size()) levels.resize(step - settled_ + 1, Levels::kNothing);
  std::uint8_t& known = levels[step - settled_];
  if (known == Levels::kNothing || level < known) known = level;
}

void LiveSpeech::know_until(std::int64_t now_ns) {
  const auto to = static_cast<std::size_t>(std::max<std::int64_t>(now_ns, 0) / Levels::kStepNs);
  if (to <= known_) return;
  for (Person& person : people_) take_steps(person, to);
  known_ = to;
  Window window(*this);
  const std::size_t settles_at = settles();
  for (std::size_t step = settled_; step < settles_at; ++step)
    if (const auto turn = floor_.step(step, window)) turns_.push_back(*turn);
  recent_.clear();
  Floor floor = floor_;
  for (std::size_t step = settles_at; step < known_; ++step)
    if (const auto turn = floor.step(step, window)) recent_.push_back(*turn);
  for (Person& person : people_) {
    const auto gone = static_cast<std::ptrdiff_t>(settles_at - settled_);
    person.levels.erase(person.levels.begin(), person.levels.begin() + gone);
    person.loudness.erase(person.loudness.begin(), person.loudness.begin() + gone);
  }
  settled_ = settles_at;
  forget();
}

void LiveSpeech::take_steps(Person& person, std::size_t to) {
  if (person.levels.size() < to - settled_) person.levels.resize(to - settled_, Levels::kNothing);
  for (std::size_t step = known_; step < to; ++step) {
    const std::uint8_t level = person.levels[step - settled_];
    person.last_loudness = heard_after(person.last_loudness, level);
    person.loudness.push_back(person.last_loudness);
    if (is_voice(level)) add_voice(person.utterances, step);
    if (const auto muted = person.quiet.add(step, level)) person.muted.push_back(*muted);
  }
}

std::size_t LiveSpeech::settles() const {
  std::size_t out = known_ - std::min(known_, kFirstSteps);
  for (const Person& person : people_) {
    if (person.utterances.empty()) continue;
    const Utterance& last = person.utterances.back();
    if (last.goes_on_at(known_)) out = std::min(out, last.voiced < Utterance::kTakesFloor ? last.from : last.to);
  }
  return std::max(out, settled_);
}

void LiveSpeech::forget() {
  const std::int64_t before_ns = static_cast<std::int64_t>(known_) * Levels::kStepNs - kRememberedNs;
  for (Person& person : people_) {
    auto& spoken = person.utterances;
    while (spoken.size() > 1 && span_of(0, spoken.front().to).to_ns <= before_ns) spoken.pop_front();
    auto& muted = person.muted;
    while (!muted.empty() && muted.front().to_ns <= before_ns) muted.pop_front();
  }
  std::set<std::size_t> later;  // who had the floor later than that
  for (std::size_t i = turns_.size(); i-- > 0;) {
    const bool is_last = later.insert(turns_[i].who).second;
    if (!is_last && turns_[i].from_ns < before_ns) turns_.erase(turns_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

Speech LiveSpeech::speech() const {
  const std::int64_t before_ns = static_cast<std::int64_t>(known_) * Levels::kStepNs - kRememberedNs;
  Speech out;
  for (const Person& person : people_) {
    Spans& speaking = out.speaking.emplace_back();
    for (const Utterance& one : person.utterances)
      if (const Span span = span_of(one.from, one.to); one.is_speech() && span.to_ns > before_ns) speaking.push_back(span);
    Spans& muted = out.muted.emplace_back(person.muted.begin(), person.muted.end());
    if (const auto now = person.quiet.until(known_)) muted.push_back(*now);
  }
  out.turns = turns_;
  out.turns.insert(out.turns.end(), recent_.begin(), recent_.end());
  return out;
}

}  // namespace rtpx::film
