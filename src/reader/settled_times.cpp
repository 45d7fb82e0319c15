#include "reader/settled_times.hpp"

#include <algorithm>

namespace rtpx {
namespace {

constexpr std::int64_t kLeadOverSeconds = 5;

/// A segment that is there in both.
struct Pair {
  SegmentMap* now = nullptr;
  const SegmentMap* before = nullptr;
  const Segment* segment = nullptr;      // of now
  const Segment* old_segment = nullptr;  // of before
  [[nodiscard]] std::int64_t start_before_ns() const {
    return before->time_ns(old_segment->line.first_timestamp());
  }
};

std::vector<Pair> pairs_of(ScannedRecording& now, const ScannedRecording& before) {
  std::vector<Pair> pairs;
  for (PlacedLayer& layer : now.layers)
    for (const PlacedLayer& old : before.layers) {
      if (old.track->files.track_id != layer.track->files.track_id ||
          old.layer->rid_index != layer.layer->rid_index)
        continue;
      for (std::size_t i = 0; i < std::min(layer.maps.size(), old.maps.size()); ++i) {
        const Segment &a = *layer.layer->segments[i], &b = *old.layer->segments[i];
        if (a.ssrc != b.ssrc || a.line.first() != b.line.first()) break;
        pairs.push_back({&layer.maps[i], &old.maps[i], &a, &b});
      }
    }
  return pairs;
}

/// The last RTP time that the map places at or before `time_ns`.
std::int64_t rtp_time_at(const SegmentMap& map, std::int64_t from, std::int64_t to, std::int64_t time_ns) {
  while (from < to) {
    const std::int64_t middle = from + (to - from + 1) / 2;
    if (map.time_ns(middle) <= time_ns)
      from = middle;
    else
      to = middle - 1;
  }
  return from;
}

double rate_at(const SegmentMap& map, std::int64_t rtp_time) {
  double rate = map.pieces.front().ns_per_tick;
  for (const SegmentMap::Piece& piece : map.pieces)
    if (piece.rtp_time <= rtp_time) rate = piece.ns_per_tick;
  return rate;
}

void lead_over(const Pair& pair, std::int64_t settled_ns) {
  if (pair.start_before_ns() > settled_ns) return;
  SegmentMap& now = *pair.now;
  const SequenceTracker& line = pair.old_segment->line;
  const std::int64_t from = rtp_time_at(*pair.before, line.first_timestamp(),
                                        std::max(line.first_timestamp(), line.highest_timestamp()), settled_ns);
  const std::int64_t from_ns = pair.before->time_ns(from);
  // Where time jumps in what is known now, it may jump: no further than there.
  std::int64_t to = from + kLeadOverSeconds * std::max<std::int64_t>(pair.segment->clock_rate, 1);
  for (const SegmentMap::Piece& piece : now.pieces)
    if (piece.rtp_time > from && piece.rtp_time < to) to = piece.rtp_time;
  std::int64_t to_ns = now.time_ns(to), late_ns = 0;
  if (to_ns <= from_ns) {  // it would go back: all that follows is so much later
    late_ns = from_ns - now.time_ns(from);
    to_ns += late_ns;
  }
  std::vector<SegmentMap::Piece> pieces;
  for (const SegmentMap::Piece& piece : pair.before->pieces)
    if (piece.rtp_time < from || pieces.empty()) pieces.push_back(piece);
  const double rate = static_cast<double>(to_ns - from_ns) / static_cast<double>(to - from);
  if (pieces.back().rtp_time < from)
    pieces.push_back({from, from_ns, rate});
  else
    pieces.back().ns_per_tick = rate;  // nothing is settled but the segment's first moment
  pieces.push_back({to, to_ns, rate_at(now, to)});
  for (SegmentMap::Piece piece : now.pieces) {
    if (piece.rtp_time <= to) continue;
    piece.time_ns += late_ns;
    pieces.push_back(piece);
  }
  now.pieces = std::move(pieces);
}

}  // namespace

void keep_settled_times(ScannedRecording& now, const ScannedRecording& before, std::int64_t settled_ns) {
  const std::vector<Pair> pairs = pairs_of(now, before);
  const auto first = std::ranges::min_element(pairs, {}, &Pair::start_before_ns);
  if (first == pairs.end()) return;
  const std::int64_t shift_ns =
      first->start_before_ns() - first->now->time_ns(first->old_segment->line.first_timestamp());
  for (PlacedLayer& layer : now.layers)
    for (SegmentMap& map : layer.maps)
      for (SegmentMap::Piece& piece : map.pieces) piece.time_ns += shift_ns;
  for (const Pair& pair : pairs) lead_over(pair, settled_ns);

  now.zero_receive_ms = before.zero_receive_ms;
  if (before.started) now.started = before.started;
  now.duration_ns = 0;
  for (const PlacedLayer& layer : now.layers) now.duration_ns = std::max(now.duration_ns, end_of(layer));
  for (PlacedLayer& layer : now.layers) {
    layer.zero_receive_ms = now.zero_receive_ms;
    layer.track_end_ns = 0;
    for (const PlacedLayer& other : now.layers)
      if (other.track == layer.track) layer.track_end_ns = std::max(layer.track_end_ns, end_of(other));
  }
}

}  // namespace rtpx
