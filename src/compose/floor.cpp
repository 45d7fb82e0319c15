#include "compose/floor.hpp"

#include <algorithm>

namespace rtpx::film {
namespace {

constexpr std::size_t kShortestTurn = 30;  // steps, while its speaker goes on
constexpr double kLouderDb = 6;
constexpr std::size_t kLouderFor = 20;  // steps

}  // namespace

std::optional<Turn> Floor::step(std::size_t now, Hearing& call) {
  louder_since_.resize(call.people(), kNever);
  const bool holder_speaks = holder_ != kNobody && call.speaks(holder_, now) != nullptr;
  std::size_t loudest = kNobody;
  for (std::size_t who = 0; who < louder_since_.size(); ++who) {
    const Utterance* utterance = who == holder_ ? nullptr : call.speaks(who, now);
    if (utterance == nullptr || utterance->voiced < Utterance::kTakesFloor) {
      louder_since_[who] = kNever;
      continue;
    }
    if (holder_speaks && call.loudness(who, now) < call.loudness(holder_, now) + kLouderDb)
      louder_since_[who] = kNever;
    else if (louder_since_[who] == kNever)
      louder_since_[who] = now;
    if (louder_since_[who] != kNever && (loudest == kNobody || call.loudness(who, now) > call.loudness(loudest, now)))
      loudest = who;
  }
  if (loudest == kNobody) return std::nullopt;
  if (holder_speaks && (now - since_ < kShortestTurn || now - louder_since_[loudest] < kLouderFor)) return std::nullopt;
  holder_ = loudest;
  since_ = now;
  std::ranges::fill(louder_since_, kNever);
  return Turn{static_cast<std::int64_t>(now) * Levels::kStepNs, loudest, call.first_level(loudest, now), holder_speaks,
              call.by_header(loudest)};
}

}  // namespace rtpx::film
