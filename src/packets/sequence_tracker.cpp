#include "packets/sequence_tracker.hpp"

#include <algorithm>

namespace rtpx {
namespace {

constexpr std::int64_t kMaxReach = 32'000;       // numbers; 16 bits tell 32,767 at most
constexpr std::int64_t kMaxBeforeFirst = 1'000;  // late packets from before the line's first
constexpr std::int64_t kTimeAheadMs =
    10'000;  // RTP time may run ahead of arrival by this much (bursts after a stall)
constexpr std::int64_t kTimeSlackMs = 500;
constexpr std::int64_t kSmallLoss = 3'000;  // RFC 3550 section A.1, MAX_DROPOUT
constexpr std::int64_t kOtherReach = 100;   // numbers that a packet without media may be ahead

}  // namespace

SequenceTracker::SequenceTracker(std::uint32_t clock_rate, std::uint16_t sequence, std::uint32_t timestamp,
                                 std::int64_t receive_ms, std::uint32_t content, std::int64_t back_ms)
    : clock_rate_(std::max<std::int64_t>(clock_rate, 1)),
      back_ms_(back_ms),
      first_(initial(sequence)),
      highest_(first_),
      first_time_(initial(timestamp)),
      highest_time_(first_time_),
      first_receive_ms_(receive_ms),
      last_receive_ms_(receive_ms),
      blocks_(kBlocks),
      contents_(kContents) {
  remember(first_, first_time_);
  remember_content(first_, content);
}

SequenceTracker::Place SequenceTracker::fit(std::uint16_t sequence, std::uint32_t timestamp,
                                            std::int64_t receive_ms) const noexcept {
  const std::int64_t last = newest();
  const auto step = static_cast<std::int16_t>(sequence - static_cast<std::uint16_t>(last));
  Place place{Fit::foreign, last + step, unwrap(timestamp)};
  const std::int64_t time_step = place.timestamp - highest_time_;
  if (place.sequence > highest_) {
    const bool ordinary = place.sequence == highest_ + 1 && time_step >= 0 && time_step <= clock_rate_;
    if (ordinary ||
        (time_plausible_ahead(time_step, receive_ms) && loss_plausible(step, time_step, receive_ms)))
      place.fit = Fit::ahead;
    return place;
  }
  if (step < -kMaxReach || blocks_.empty() || !time_fits_behind(place.sequence, place.timestamp))
    return place;
  const bool absent =
      place.sequence < first_ || gaps_.missing(place.sequence) || others_.contains(place.sequence);
  place.fit = absent ? Fit::late : Fit::duplicate;
  return place;
}

bool SequenceTracker::time_plausible_ahead(std::int64_t time_step, std::int64_t receive_ms) const noexcept {
  const std::int64_t time_ms = time_step * 1000 / clock_rate_;
  return time_ms >= -back_ms_ && time_ms <= receive_ms - last_receive_ms_ + kTimeAheadMs;
}

// A step of many numbers is a loss when the sender could have sent that many in the time, else a restart.
bool SequenceTracker::loss_plausible(std::int64_t step, std::int64_t time_step,
                                     std::int64_t receive_ms) const noexcept {
  if (step <= kSmallLoss) return true;
  const std::int64_t elapsed_ms = std::max<std::int64_t>(last_receive_ms_ - first_receive_ms_, 1000);
  const std::int64_t away_ms = std::max(receive_ms - last_receive_ms_, time_step * 1000 / clock_rate_);
  const double expected =
      static_cast<double>(packets_) / static_cast<double>(elapsed_ms) * static_cast<double>(away_ms);
  return static_cast<double>(step) <= 3 * expected + kSmallLoss;
}

// Neighbours in number are neighbours in time.
bool SequenceTracker::time_fits_behind(std::int64_t sequence, std::int64_t timestamp) const noexcept {
  const std::int64_t slack = clock_rate_ * kTimeSlackMs / 1000;
  if (sequence < first_)
    return first_ - sequence <= kMaxBeforeFirst && timestamp <= first_time_ + slack &&
           timestamp >= first_time_ - 4 * slack;
  const std::int64_t own = sequence / kBlockNumbers;
  const std::int64_t last = highest_ / kBlockNumbers;
  for (std::int64_t at = own + 1; at <= last; ++at)
    if (const Block* after = block(at)) {
      if (timestamp > after->latest + slack) return false;
      break;
    }
  if (timestamp > highest_time_ + slack) return false;
  for (std::int64_t at = own - 1;
       at >= first_ / kBlockNumbers && at > own - static_cast<std::int64_t>(kBlocks); --at)
    if (const Block* before = block(at)) return timestamp >= before->earliest - slack;
  return timestamp >= first_time_ - slack;
}

std::int64_t SequenceTracker::take(const Place& place, std::int64_t receive_ms, std::uint32_t content) {
  ++packets_;
  if (!others_.empty()) others_.remove(place.sequence);
  if (place.fit == Fit::late) {
    remember(place.sequence, place.timestamp);
    remember_content(place.sequence, content);
    if (gaps_.take(place.sequence) || place.sequence >= first_) return 0;
    const std::int64_t missing = first_ - place.sequence - 1;
    if (missing > 0) gaps_.open_front(place.sequence + 1, static_cast<std::uint32_t>(missing), first_time_);
    first_ = place.sequence;
    first_time_ = std::min(first_time_, place.timestamp);
    return missing;
  }
  const std::int64_t missing = place.sequence == highest_ + 1 ? 0 : open_gaps(place.sequence, place.timestamp);
  for (std::int64_t skipped = std::max(highest_ + 1, place.sequence - std::int64_t{kContents});
       skipped < place.sequence; ++skipped)
    remember_content(skipped, 0);
  remember(place.sequence, place.timestamp);
  remember_content(place.sequence, content);
  highest_ = place.sequence;
  highest_time_ = place.timestamp;
  last_receive_ms_ = receive_ms;
  return missing;
}

// The numbers from the newest one on that no packet has used.
std::int64_t SequenceTracker::open_gaps(std::int64_t below, std::int64_t timestamp_after) {
  std::int64_t from = highest_ + 1, missing = 0;
  const auto open = [&](std::int64_t until) {
    if (until <= from) return;
    gaps_.open(from, static_cast<std::uint32_t>(until - from), timestamp_after);
    missing += until - from;
  };
  for (const NumberRanges::Range& used : others_.beyond(highest_)) {
    if (used.first >= below) break;
    open(used.first);
    from = std::max(from, used.last + 1);
  }
  open(below);
  return missing;
}

bool SequenceTracker::others_fill(std::int64_t sequence) const noexcept {
  std::int64_t next = highest_ + 1;
  for (const NumberRanges::Range& used : others_.beyond(highest_)) {
    if (used.first > next || next >= sequence) break;
    next = used.last + 1;
  }
  return next >= sequence;
}

bool SequenceTracker::take_other(std::uint16_t sequence) {
  const std::int64_t last = newest();
  const std::int64_t number = last + static_cast<std::int16_t>(sequence - static_cast<std::uint16_t>(last));
  if (number > last + kOtherReach) return false;
  if (number > highest_ || gaps_.take(number)) others_.add(number);
  return number > last;
}

bool SequenceTracker::differs(std::int64_t sequence, std::uint32_t content) const noexcept {
  if (contents_.empty() || content == 0) return false;
  const std::uint32_t before = contents_[static_cast<std::size_t>(sequence) % kContents];
  return before != 0 && before != content;
}

void SequenceTracker::remember_content(std::int64_t sequence, std::uint32_t content) noexcept {
  if (!contents_.empty()) contents_[static_cast<std::size_t>(sequence) % kContents] = content;
}

const SequenceTracker::Block* SequenceTracker::block(std::int64_t index) const noexcept {
  const Block& found = blocks_[static_cast<std::size_t>(index) % kBlocks];
  return found.index == index ? &found : nullptr;
}

void SequenceTracker::remember(std::int64_t sequence, std::int64_t timestamp) noexcept {
  if (blocks_.empty()) return;
  const std::int64_t index = sequence / kBlockNumbers;
  Block& own = blocks_[static_cast<std::size_t>(index) % kBlocks];
  if (own.index > index) return;  // overwritten since: too old to matter
  if (own.index < index) own = {index, timestamp, timestamp};
  own.earliest = std::min(own.earliest, timestamp);
  own.latest = std::max(own.latest, timestamp);
}

}  // namespace rtpx
