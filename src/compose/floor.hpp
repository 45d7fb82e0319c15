#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compose/speech.hpp"

// What of levels is speech, and who has the floor, step by step: for a call that is over, and for one that goes on.
namespace rtpx::film {

/// A run of speech, in steps.
struct Utterance {
  static constexpr std::size_t kAttack = 6;       ///< steps of voice that are speech
  static constexpr std::size_t kRelease = 16;     ///< steps of pause within it
  static constexpr std::size_t kTakesFloor = 14;  ///< steps of voice
  std::size_t from = 0, to = 0, voiced = 0;
  [[nodiscard]] bool is_speech() const noexcept { return voiced >= kAttack; }
  /// What is heard at `step` still belongs to it.
  [[nodiscard]] bool goes_on_at(std::size_t step) const noexcept { return step <= to + kRelease; }
};

[[nodiscard]] inline bool is_voice(std::uint8_t level) noexcept {
  constexpr std::uint8_t kQuietest = 50;
  return level <= kQuietest;
}

/// A step of voice, in order; what turns out to be no speech is taken away.
template <typename Utterances>
void add_voice(Utterances& all, std::size_t step) {
  if (all.empty() || !all.back().goes_on_at(step)) {
    if (!all.empty() && !all.back().is_speech()) all.pop_back();
    all.push_back({step, step, 0});
  }
  all.back().to = step + 1;
  ++all.back().voiced;
}

[[nodiscard]] constexpr Span span_of(std::size_t from, std::size_t to) noexcept {
  return {static_cast<std::int64_t>(from) * Levels::kStepNs, static_cast<std::int64_t>(to) * Levels::kStepNs};
}

/// Finds when somebody is muted.
class Quiet {
 public:
  /// The next step; answers what ends with it.
  [[nodiscard]] std::optional<Span> add(std::size_t step, std::uint8_t level) noexcept {
    if (level < Levels::kSilence) {
      const auto out = until(step);
      from_ = kNever;
      silent_ = 0;
      return out;
    }
    if (from_ == kNever) from_ = step;
    if (level == Levels::kSilence) ++silent_;
    return std::nullopt;
  }
  /// What has not ended before `step`.
  [[nodiscard]] std::optional<Span> until(std::size_t step) const noexcept {
    constexpr std::size_t kSilentFor = 20, kNothingFor = 40;
    if (from_ == kNever || (silent_ < kSilentFor && step - from_ < kNothingFor)) return std::nullopt;
    return span_of(from_, step);
  }

 private:
  static constexpr std::size_t kNever = SIZE_MAX;
  std::size_t from_ = kNever, silent_ = 0;
};

/// Loudness as it is heard, dBov: rises at once, falls by 20 dB a second.
[[nodiscard]] inline double heard_after(double before, std::uint8_t level) noexcept {
  const double now = level > 127 ? -127.0 : -static_cast<double>(level);
  return now > before - 1 ? now : before - 1;
}

inline constexpr std::size_t kFirstSteps = 20;  ///< of a turn, by which its level is told

/// dBov of the loudest of the kFirstSteps from `step` on.
[[nodiscard]] inline int loudest_of(const std::vector<std::uint8_t>& steps, std::size_t step) noexcept {
  int best = 127;
  for (std::size_t i = step; i < steps.size() && i < step + kFirstSteps; ++i) best = steps[i] < best ? steps[i] : best;
  return -best;
}

/// What is known of everybody at a step.
class Hearing {
 public:
  virtual ~Hearing() = default;
  [[nodiscard]] virtual std::size_t people() const = 0;
  /// nullptr: he does not speak then.
  [[nodiscard]] virtual const Utterance* speaks(std::size_t who, std::size_t step) = 0;
  [[nodiscard]] virtual double loudness(std::size_t who, std::size_t step) const = 0;
  [[nodiscard]] virtual int first_level(std::size_t who, std::size_t step) const = 0;
  [[nodiscard]] virtual bool by_header(std::size_t who) const = 0;
};

/// Decides step by step who has the floor. A copy goes on from where it was made.
class Floor {
 public:
  /// The next step; somebody takes the floor, or nobody does.
  [[nodiscard]] std::optional<Turn> step(std::size_t now, Hearing& call);

 private:
  static constexpr std::size_t kNobody = SIZE_MAX, kNever = SIZE_MAX;
  std::vector<std::size_t> louder_since_;
  std::size_t holder_ = kNobody, since_ = 0;
};

}  // namespace rtpx::film
