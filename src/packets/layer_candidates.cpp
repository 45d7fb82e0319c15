// Packets that fit no line, or that only seem to: a new segment, the line's own after all, or strays.

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "packets/layer_scan.hpp"
#include "packets/layer_scan_limits.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostHeld = 64;
constexpr std::size_t kSpeaks = 10;  // packets, at the pace of their times
constexpr std::int64_t kSpeaksMs = 180;
constexpr std::int64_t kPaceSlackMs = 60;
constexpr int kNearNumbers = 5;
constexpr std::size_t kMostBeyond = 4096;

}  // namespace

void LayerScanner::consider(const Arrival& arrival) {
  if (!arrival.media) {
    ++out_.unknown_packets;
    return;
  }
  if (sends_beside_current(arrival)) {
    ++out_.parallel_packets;
    return;
  }
  if (!beyond_.empty() && stays_beyond(arrival)) return;
  if (candidate_) {
    const Arrival& before = candidate_->arrivals.back();
    if (before.ssrc == arrival.ssrc && before.sequence == arrival.sequence &&
        before.content == arrival.content) {
      ++out_.duplicates;
      return;
    }
    if (goes_on(before, arrival)) {
      candidate_->arrivals.push_back(arrival);
      if (convincing()) return confirm_candidate();
      if (candidate_->arrivals.size() < kMostCandidates) return;
      return candidate_->kind == Candidate::Kind::other_content ? discard_candidate() : confirm_candidate();
    }
    if (bridges(before, arrival)) {
      confirm_candidate();
      return judge(arrival);
    }
    discard_candidate();
  }
  candidate_ = candidate_of(arrival);
}

LayerScanner::Candidate LayerScanner::candidate_of(const Arrival& arrival) const {
  Candidate out;
  out.arrivals = {arrival};
  const SequenceTracker& line = current().line;
  out.time_before = line.highest_timestamp();
  out.frame_ended_before = frame_ended_;
  const auto step = static_cast<std::int16_t>(arrival.sequence - static_cast<std::uint16_t>(line.highest()));
  out.numbers_go_on = step > 0 && step <= kTailNumbers;
  if (arrival.ssrc != current().ssrc || arrival.clock_rate != current().clock_rate) return out;
  const auto place = line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms);
  out.next_number = step == 1;
  if (place.fit == SequenceTracker::Fit::ahead) out.kind = Candidate::Kind::leap;
  if (place.fit == SequenceTracker::Fit::duplicate) out.kind = Candidate::Kind::other_content;
  return out;
}

// Two sources at once, where one picture can be shown: the newer one is taken while it lasts. One that comes
// back after a silence is no such thing, but a segment.
bool LayerScanner::sends_beside_current(const Arrival& arrival) {
  if (arrival.ssrc == current().ssrc) return false;
  const auto heard = last_seen_ms_.find(arrival.ssrc);
  if (heard == last_seen_ms_.end()) return false;
  const bool never_stopped = arrival.receive_ms - heard->second < kSilentMs;
  heard->second = arrival.receive_ms;
  return never_stopped && arrival.receive_ms - current().line.last_receive_ms() < kSilentMs;
}

bool LayerScanner::goes_on(const Arrival& before, const Arrival& arrival) const {
  if (arrival.ssrc != before.ssrc || arrival.clock_rate != before.clock_rate) return false;
  const auto step = static_cast<std::int16_t>(arrival.sequence - before.sequence);
  const auto time_step = static_cast<std::int32_t>(arrival.timestamp - before.timestamp);
  const std::int64_t time_ms = std::int64_t{time_step} * 1000 / before.clock_rate;
  const std::int64_t arrival_ms = arrival.receive_ms - before.receive_ms;
  return step != 0 && step >= -50 && step <= 500 && time_ms >= -1'000 && time_ms <= arrival_ms + 10'000;
}

// Behind a clock that is set back by little come packets that fit the old line as well: arrivals tell on which of the two
// this one was sent.
bool LayerScanner::set_back_goes_on(const Arrival& arrival) const {
  const Arrival& before = candidate_->arrivals.back();
  if (candidate_->kind != Candidate::Kind::foreign || !candidate_->next_number || before.ssrc != arrival.ssrc ||
      before.clock_rate != arrival.clock_rate || static_cast<std::uint16_t>(before.sequence + 1) != arrival.sequence)
    return false;
  const SequenceTracker& line = current().line;
  const auto off_ms = [&](std::int64_t ticks, std::int64_t arrival_ms) {
    return std::abs(ticks * 1000 / arrival.clock_rate - arrival_ms);
  };
  return off_ms(static_cast<std::int32_t>(arrival.timestamp - before.timestamp), arrival.receive_ms - before.receive_ms) <
         off_ms(line.unwrap(arrival.timestamp) - line.highest_timestamp(), arrival.receive_ms - line.last_receive_ms());
}

// A sender that changes its SSRC again after one packet: the numbers go on over both changes, whatever its
// times are.
bool LayerScanner::bridges(const Arrival& before, const Arrival& arrival) const {
  const auto next = [](std::int64_t number) { return static_cast<std::uint16_t>(number + 1); };
  return candidate_->kind == Candidate::Kind::foreign && candidate_->arrivals.size() == 1 &&
         before.ssrc != current().ssrc && before.ssrc != arrival.ssrc &&
         before.sequence == next(current().line.highest()) && arrival.sequence == next(before.sequence);
}

// Two packets that agree say more than a line that is silent; one that goes on must be outnumbered. A wrong
// time may come twice: only when it moves it is a clock.
bool LayerScanner::convincing() const {
  const Candidate& candidate = *candidate_;
  if (candidate.kind != Candidate::Kind::foreign &&
      std::ssize(candidate.arrivals) <= 2 * candidate.line_packets + 1)
    return false;
  return !candidate.next_number ||
         candidate.arrivals.front().timestamp != candidate.arrivals.back().timestamp;
}

void LayerScanner::confirm_candidate() {
  const Candidate candidate = std::move(*candidate_);
  candidate_.reset();
  const Arrival& first = candidate.arrivals.front();
  Segment& old = current();
  // The line goes on from the candidate's place in the file: what the old one took since is out of order.
  for (const Candidate::Advance& advance : candidate.line_advance) {
    decide(advance.record, false);
    old.patches.push_back(advance.patch);
  }
  if (candidate.kind == Candidate::Kind::leap) {
    settle_held(held_.size());
    const auto place = old.line.fit(first.sequence, first.timestamp, first.receive_ms);
    if (place.fit == SequenceTracker::Fit::ahead)
      take_ahead(old, first, place);
    else
      judge(first);
  } else if (out_.segments.size() >= kMaxSegments) {
    out_.malformed_packets += candidate.arrivals.size();
    return;
  } else {
    SegmentStart why = SegmentStart::new_ssrc;
    if (first.ssrc == old.ssrc)
      why = first.clock_rate != old.clock_rate ? SegmentStart::clock_rate
            : candidate.numbers_go_on          ? SegmentStart::timestamp_jump
                                               : SegmentStart::sequence_restart;
    const auto held = std::exchange(held_, {});
    open_segment(first, why);
    for (const Arrival& arrival : held) judge(arrival);
  }
  for (std::size_t i = 1; i < candidate.arrivals.size(); ++i) judge(candidate.arrivals[i]);
}

// Strays. One that the line has come to is late, one that it may still come to waits; one whose number alone is the
// line's has a wrong time: it stands between its neighbours.
void LayerScanner::discard_candidate() {
  const Candidate candidate = std::move(*candidate_);
  candidate_.reset();
  Segment& segment = current();
  const bool beside = candidate.kind == Candidate::Kind::other_content && candidate.arrivals.size() > 2;
  std::int64_t number =
      segment.line.highest() + static_cast<std::int16_t>(candidate.arrivals.front().sequence -
                                                         static_cast<std::uint16_t>(segment.line.highest()));
  for (std::size_t i = 0; i < candidate.arrivals.size(); ++i) {
    const Arrival& arrival = candidate.arrivals[i];
    if (i > 0) number += static_cast<std::int16_t>(arrival.sequence - candidate.arrivals[i - 1].sequence);
    if (candidate.kind == Candidate::Kind::leap) {
      const auto place = segment.line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms);
      if (place.fit == SequenceTracker::Fit::late) {
        take_late(segment, arrival, place);
        continue;
      }
      if (place.fit == SequenceTracker::Fit::ahead && beyond_.size() < kMostBeyond) {
        if (!beyond_.try_emplace(place.sequence, arrival).second) ++out_.duplicates;
        continue;
      }
    }
    if (!candidate.next_number || !segment.line.gaps().missing(number)) {
      ++(beside ? out_.parallel_packets : out_.malformed_packets);
      continue;
    }
    const std::int64_t after = segment.line.gaps().time_after(number);
    const std::int64_t steps = std::ssize(candidate.arrivals) + 1;
    std::int64_t time =
        candidate.time_before + (after - candidate.time_before) * static_cast<std::int64_t>(i + 1) / steps;
    if (context_.kind == MediaKind::video && !candidate.frame_ended_before) time = candidate.time_before;
    if (context_.kind == MediaKind::video && candidate.frame_ended_before && !arrival.marker) time = after;
    take_late(segment, arrival, {SequenceTracker::Fit::late, number, time});
    --out_.reordered;
  }
}

// A network that hands out what it had held up beside what is sent now: the line has still to come to this packet,
// as to those before it. Where the line stops, it goes on with them.
bool LayerScanner::stays_beyond(const Arrival& arrival) {
  const SequenceTracker& line = current().line;
  if (arrival.ssrc != current().ssrc || arrival.clock_rate != current().clock_rate) return false;
  const auto place = line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms);
  if (place.fit != SequenceTracker::Fit::ahead || std::abs(place.sequence - beyond_.rbegin()->first) > kTailNumbers)
    return false;
  if (!beyond_.try_emplace(place.sequence, arrival).second) ++out_.duplicates;
  const bool stopped = arrival.receive_ms - line.last_receive_ms() > kSilentMs;
  if (stopped || beyond_.size() >= kMostBeyond) settle_beyond(true);
  return true;
}

// What the line has come to; or all.
void LayerScanner::settle_beyond(bool all) {
  Segment& segment = current();
  while (!beyond_.empty() && (all || beyond_.begin()->first <= segment.line.highest() + kNearNumbers)) {
    const Arrival arrival = beyond_.extract(beyond_.begin()).mapped();
    const auto place = segment.line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms);
    switch (place.fit) {
      case SequenceTracker::Fit::late:
        take_late(segment, arrival, place);
        break;
      case SequenceTracker::Fit::ahead:
        take_beyond(segment, arrival, place);
        break;
      case SequenceTracker::Fit::duplicate:
        ++out_.duplicates;
        break;
      case SequenceTracker::Fit::foreign:
        ++out_.malformed_packets;
        break;
    }
  }
}

// Goes on with the line as take_ahead() does, from a place before it in the file.
void LayerScanner::take_beyond(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place) {
  const std::int64_t last_receive_ms = std::max(segment.line.last_receive_ms(), arrival.receive_ms);
  note_lost(go_on_by_patch(segment, arrival, place, last_receive_ms), arrival);
  ++out_.reordered;
  frame_ended_ = arrival.marker;
  segment.clock.add_packet(place.timestamp, arrival.receive_ms, place.sequence, arrival.play_ns);
}

// Far behind the line come late packets and copies; or the source begins anew with the numbers that it had,
// which only the packets after this one tell.
void LayerScanner::hold(const Arrival& arrival, const SequenceTracker::Place& place) {
  const auto follows = [&](const Arrival& before) {
    const auto step = static_cast<std::int16_t>(arrival.sequence - before.sequence);
    return step >= 0 && step <= kNearNumbers && arrival.receive_ms - before.receive_ms < kSilentMs;
  };
  const bool copy = place.fit == SequenceTracker::Fit::duplicate;
  if (copy && held_.empty() && last_copy_ && follows(*last_copy_)) {  // of a line of copies
    last_copy_ = arrival;
    ++out_.duplicates;
    return;
  }
  if (held_.size() >= kMostHeld) settle_held(kMostHeld / 2);
  if (held_.empty()) held_for_ = 0;
  held_.push_back(arrival);
  const std::size_t anew = spoken_anew();
  if (anew == 0) return;
  settle_held(held_.size() - anew);
  auto packets = std::exchange(held_, {});
  if (candidate_ && belongs_to(packets.front())) {
    packets.insert(packets.begin(), candidate_->arrivals.begin(), candidate_->arrivals.end());
    std::ranges::sort(packets, {}, &Arrival::record);
    candidate_.reset();
  }
  if (candidate_) discard_candidate();
  open_segment(packets.front(), SegmentStart::sequence_restart);
  for (std::size_t i = 1; i < packets.size(); ++i) judge(packets[i]);
}

// Whether the candidate, which differs from what had its numbers, is of the source that begins anew with this
// packet.
bool LayerScanner::belongs_to(const Arrival& anew) const {
  const Arrival& first = candidate_->arrivals.front();
  const auto step = static_cast<std::int16_t>(anew.sequence - first.sequence);
  return candidate_->kind == Candidate::Kind::other_content && candidate_->line_packets == 0 &&
         first.ssrc == anew.ssrc && std::abs(step) <= static_cast<int>(kMostHeld) &&
         anew.receive_ms - first.receive_ms < kSilentMs;
}

// How many of the packets held last come one after the other as fast as they play, most of them with a number
// that was here.
std::size_t LayerScanner::spoken_anew() const {
  if (held_for_ > 0) return 0;
  std::size_t count = 1, copies = 0;
  const auto copy = [&](const Arrival& arrival) {
    return current().line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms).fit ==
           SequenceTracker::Fit::duplicate;
  };
  for (; count < held_.size(); ++count) {
    const Arrival &after = held_[held_.size() - count], &before = held_[held_.size() - count - 1];
    const auto step = static_cast<std::int16_t>(after.sequence - before.sequence);
    if (step < 1 || step > kNearNumbers) break;
  }
  if (count < kSpeaks) return 0;
  for (std::size_t i = held_.size() - count; i < held_.size(); ++i) copies += copy(held_[i]) ? 1 : 0;
  const Arrival &first = held_[held_.size() - count], &last = held_.back();
  const std::int64_t media_ms =
      std::int64_t{static_cast<std::int32_t>(last.timestamp - first.timestamp)} * 1000 / first.clock_rate;
  const std::int64_t off = std::abs(last.receive_ms - first.receive_ms - media_ms);
  const bool paced = media_ms >= kSpeaksMs && off <= std::max(kPaceSlackMs, media_ms / 4);
  return paced && 2 * copies >= count ? count : 0;
}

// The first `count` of what is held is late, or copies.
void LayerScanner::settle_held(std::size_t count) {
  const std::vector<Arrival> settled(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
  for (const Arrival& arrival : settled) {
    const std::size_t newest = out_.segments.size() - 1;
    const auto place = current().line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms);
    if (place.fit == SequenceTracker::Fit::duplicate) last_copy_ = arrival;
    if (place.fit == SequenceTracker::Fit::late || place.fit == SequenceTracker::Fit::duplicate)
      (void)take_in(newest, arrival, place);
    else
      ++out_.malformed_packets;
  }
}

}  // namespace rtpx
