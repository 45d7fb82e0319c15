// What repair gives back, put into the lines.

#include <algorithm>
#include <utility>

#include "packets/content_hash.hpp"
#include "packets/layer_scan.hpp"
#include "packets/layer_scan_limits.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kEarlyNumbers = 3'000;  // that what is given back may be ahead of its line
constexpr std::int64_t kRepairEarlyMs = 1'000;
constexpr std::size_t kMostEarly = 4'096;
constexpr std::size_t kMostRepairsWaiting = 64;

}  // namespace

void LayerScanner::on_repaired(const Repaired& repaired) {
  if (failed_) return;
  const RtpPacket& packet = repaired.packet;
  const MediaPayload media = media_payload(*context_.types, packet);
  watch_nal_units(packet, media);
  Waiting given{packet.ssrc, packet.timestamp,           packet.sequence_number, repaired.source,
                0,           content_hash(packet, media)};
  if (!needed(given)) return;
  const auto where = context_.spill->append(packet.whole);
  if (!where) {
    failed_ = where.error();
    return;
  }
  given.where = *where;
  SequenceTracker::Place place;
  const Segment* segment = line_of(given, place);
  const bool waits = segment == nullptr || far_behind(*segment, place);
  if (waits && waiting_.size() < kMostRepairsWaiting)
    waiting_.push_back(given);
  else
    (void)place_repaired(given);
}

// Its number may be one that the source is about to use anew.
bool LayerScanner::far_behind(const Segment& segment, const SequenceTracker::Place& place) const {
  return &segment == out_.segments.back().get() && place.fit != SequenceTracker::Fit::ahead &&
         (segment.line.highest_timestamp() - place.timestamp) * 1000 / segment.clock_rate > kFarBehindMs;
}

// What has waited long enough was late after all. `all`: the track has ended.
void LayerScanner::settle_waiting(bool all) {
  std::vector<Waiting> due;
  std::erase_if(waiting_, [&](Waiting& packet) {
    if (!all && (packet.ssrc != current().ssrc || ++packet.line_packets <= kCandidateLife)) return false;
    due.push_back(packet);
    return true;
  });
  for (const Waiting& packet : due) (void)place_repaired(packet);
}

// The newest line that it fits.
Segment* LayerScanner::line_of(const Waiting& packet, SequenceTracker::Place& place) {
  const std::size_t live = std::min(out_.segments.size(), kLiveSegments);
  for (std::size_t back = 1; back <= live; ++back) {
    Segment& segment = *out_.segments[out_.segments.size() - back];
    if (segment.ssrc != packet.ssrc) continue;
    place = segment.line.fit(packet.sequence, packet.timestamp, receive_ms_);
    if (place.fit == SequenceTracker::Fit::foreign) continue;
    const bool ahead = place.fit == SequenceTracker::Fit::ahead;
    if (ahead && place.sequence > segment.line.highest() + kEarlyNumbers) continue;
    // What repairs comes after its packet was sent: one of the future is of another line.
    const std::int64_t step_ms =
        (place.timestamp - segment.line.highest_timestamp()) * 1000 / segment.clock_rate;
    if (ahead && step_ms > receive_ms_ - segment.line.last_receive_ms() + kRepairEarlyMs) continue;
    if (ahead && back == 1 && older_line_wants(packet.ssrc, packet.sequence, packet.timestamp, place))
      continue;
    return &segment;
  }
  return nullptr;
}

// False: it is there already. What fits no line may be of one that is still to come.
bool LayerScanner::needed(const Waiting& packet) {
  SequenceTracker::Place place;
  const Segment* segment = line_of(packet, place);
  if (segment == nullptr) return waiting_.size() < kMostRepairsWaiting;
  if (sent_in_pause(*segment, place)) return false;
  if (far_behind(*segment, place))
    return waiting_.size() < kMostRepairsWaiting || place.fit == SequenceTracker::Fit::late;
  if (place.fit == SequenceTracker::Fit::duplicate) return false;
  return place.fit == SequenceTracker::Fit::late ||
         (!segment->given_early.contains(place.sequence) && segment->given_early.size() < kMostEarly);
}

bool LayerScanner::place_repaired(const Waiting& packet) {
  SequenceTracker::Place place;
  Segment* segment = line_of(packet, place);
  if (segment == nullptr || sent_in_pause(*segment, place)) return false;
  if (place.fit == SequenceTracker::Fit::ahead) {
    segment->given_early[place.sequence] = {packet.where, place.timestamp, packet.source, packet.content};
  } else if (place.fit == SequenceTracker::Fit::late) {
    if (was_heard(*segment, place, packet)) return true;
    if (place.timestamp < segment->line.first_timestamp())
      segment->clock.add_packet(place.timestamp, receive_ms_, place.sequence);
    fill(*segment, place, {packet.where, place.timestamp, packet.source, packet.content});
  }
  return true;
}

void LayerScanner::remember_tail(const Arrival& arrival) {
  if (!arrival.media || !repairs_) return;
  tail_[next_tail_++ % kTail] = timeless_hash(arrival.content, arrival.timestamp);
}

// RED of a source that has begun anew may still repeat what it sent before, under its old numbers.
bool LayerScanner::was_heard(const Segment& segment, const SequenceTracker::Place& place,
                             const Waiting& packet) const {
  return packet.source == RepairSource::red && &segment == &current() && place.sequence < segment.line.first() &&
         std::ranges::find(tail_before_, timeless_hash(packet.content, packet.timestamp)) != tail_before_.end();
}

void LayerScanner::fill(Segment& segment, const SequenceTracker::Place& place, const Segment::Early& packet) {
  segment.line.take(place, receive_ms_, packet.content);
  segment.patches.push_back({place.sequence, place.timestamp, packet.where | Patch::kSpilled});
  segment.filled[place.sequence] = packet.source;
  ++out_.by_source[static_cast<std::size_t>(packet.source)];
}

// Uses what was given back before the line had come to it.
void LayerScanner::use_early(Segment& segment, std::int64_t below) {
  auto& early = segment.given_early;
  while (!early.empty() && early.begin()->first < below) {
    const auto& [sequence, packet] = *early.begin();
    if (segment.line.gaps().missing(sequence))
      fill(segment, {SequenceTracker::Fit::late, sequence, packet.timestamp}, packet);
    early.erase(early.begin());
  }
}

}  // namespace rtpx
