#include "packets/layer_scan.hpp"

#include <algorithm>
#include <cmath>

#include "rtp/rtcp.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kLiveSegments = 4;  // older ones take no more late packets
constexpr std::size_t kMaxSegments = 10'000;
constexpr int kCandidateLife = 100;  // packets of the line until a lonely foreign packet is a stray
constexpr std::int64_t kTailNumbers =
    100;  // an ended segment's last packets may come after the next one's first
constexpr std::int64_t kTailArrivalMs = 5'000;
constexpr std::int64_t kTailMediaMs = 500;
constexpr std::int64_t kSilentMs = 1'000;  // a source that has not been heard for so long has stopped

constexpr const char* kCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

bool any_role(const PayloadTypes& types, std::initializer_list<PayloadRole> roles) {
  for (int type = 0; type < 128; ++type)
    if (std::ranges::find(roles, types.role(static_cast<std::uint8_t>(type))) != roles.end()) return true;
  return false;
}

}  // namespace

const char* to_string(SegmentStart why) noexcept {
  switch (why) {
    case SegmentStart::start:
      return "start";
    case SegmentStart::new_ssrc:
      return "new_ssrc";
    case SegmentStart::sequence_restart:
      return "sequence_restart";
    case SegmentStart::timestamp_jump:
      return "timestamp_jump";
    case SegmentStart::clock_rate:
      return "clock_rate";
  }
  return "start";
}

std::uint64_t LayerScan::missing() const noexcept {
  std::uint64_t count = 0;
  for (const auto& segment : segments) count += segment->line.gaps().missing_count();
  return count;
}

LayerScanner::LayerScanner(const LayerContext& context, LayerScan& out)
    : context_(context), out_(out), quiet_(context.kind, out.quiet), digits_(out.digits) {
  const PayloadTypes& types = *context.types;
  for (int type = 0; type < 128; ++type)
    if (const Codec* codec = types.codec(static_cast<std::uint8_t>(type)))
      hint_by_type_[type] = hint_format(codec->mime_type);
  if (const auto id = context.header_extensions->find(kCaptureTime); id != context.header_extensions->end())
    capture_time_id_ = id->second;
  repairs_ = any_role(types, {PayloadRole::rtx, PayloadRole::red, PayloadRole::ulpfec, PayloadRole::flexfec});
  if (repairs_)
    repairer_.emplace(types, *context.header_extensions,
                      [this](const Repaired& repaired) { on_repaired(repaired); });
}

Result<void> LayerScanner::push(const RtpPacket& packet, std::uint64_t offset, std::int64_t receive_ms) {
  receive_ms_ = receive_ms;
  if (out_.packets + out_.repair_packets + out_.unknown_packets == 0) out_.first_receive_ms = receive_ms;
  out_.last_receive_ms = std::max(out_.last_receive_ms, receive_ms);
  const MediaPayload media = media_payload(*context_.types, packet);
  const bool separate_fec =
      media.role == PayloadRole::ulpfec && (out_.segments.empty() || packet.ssrc != current().ssrc);
  if (only_repairs(media.role) || separate_fec) {
    ++out_.repair_packets;
  } else {
    judge(describe(packet, media, offset, receive_ms));
    watch_parameter_sets(media);
    if (media.role == PayloadRole::telephone_event && !out_.segments.empty())
      digits_.push(out_.segments.size() - 1, current().line.unwrap(packet.timestamp), media.payload);
  }
  if (repairs_) repairer_->push(packet);
  if (failed_) return std::unexpected(*failed_);
  return {};
}

LayerScanner::Arrival LayerScanner::describe(const RtpPacket& packet, const MediaPayload& media,
                                             std::uint64_t offset, std::int64_t receive_ms) const {
  Arrival arrival{
      offset, receive_ms, packet.ssrc, packet.timestamp, packet.sequence_number, media.payload_type};
  arrival.media = media.role == PayloadRole::media;
  arrival.bytes = static_cast<std::uint32_t>(media.payload.size());
  if (!arrival.media) return arrival;
  const Codec* codec = context_.types->codec(media.payload_type);
  arrival.clock_rate = codec != nullptr && codec->clock_rate > 0 ? codec->clock_rate : 90'000;
  arrival.keyframe_hint = may_begin_keyframe(hint_by_type_[media.payload_type & 0x7F], media.payload);
  if (capture_time_id_)
    if (const auto value = find_extension(packet, *capture_time_id_); value && value->size() >= 8)
      arrival.capture_ntp_ns = ntp_to_ns(load_be<std::uint64_t>(value->data()));
  return arrival;
}

// Finds the line that a packet belongs to: the newest first.
void LayerScanner::judge(const Arrival& arrival) {
  if (out_.segments.empty()) {
    if (arrival.media)
      open_segment(arrival, SegmentStart::start);
    else
      ++out_.unknown_packets;
    return;
  }
  const std::size_t count = out_.segments.size();
  for (std::size_t back = 1; back <= std::min(count, kLiveSegments); ++back)
    if (offer(count - back, arrival)) return;
  consider(arrival);
}

bool LayerScanner::offer(std::size_t index, const Arrival& arrival) {
  Segment& segment = *out_.segments[index];
  if (segment.ssrc != arrival.ssrc) return false;
  if (arrival.clock_rate != 0 && arrival.clock_rate != segment.clock_rate) return false;
  const auto place = segment.line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms);
  const bool newest = index + 1 == out_.segments.size();
  using Fit = SequenceTracker::Fit;
  if (place.fit == Fit::foreign) return false;
  if (place.fit == Fit::ahead && !newest && !take_tail(segment, arrival, place)) return false;
  if (place.fit == Fit::duplicate && !take_after_repair(segment, arrival, place.sequence)) ++out_.duplicates;
  if (place.fit == Fit::late) take_late(segment, arrival, place);
  if (place.fit == Fit::ahead && newest) take_ahead(segment, arrival, place);

  if (!newest && arrival.ssrc == current().ssrc) out_.skipped_records.push_back(arrival.offset);
  if (candidate_) {
    if (arrival.ssrc == candidate_->arrival.ssrc) candidate_->line_offsets.push_back(arrival.offset);
    if (place.fit == Fit::ahead && newest)
      candidate_->line_advance.push_back({place.sequence, arrival.offset});
    if (++candidate_->packets_since > kCandidateLife) discard_candidate();
  }
  return true;
}

void LayerScanner::take_late(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place) {
  segment.line.take(place, arrival.receive_ms);
  segment.patches.push_back({place.sequence, arrival.offset});
  ++segment.packets;
  ++out_.reordered;
  out_.lost_per_second.take_back_one();  // only late
  count(arrival);
}

// Repair was faster: the packet was late, not lost, and not twice there.
bool LayerScanner::take_after_repair(Segment& segment, const Arrival& arrival, std::int64_t sequence) {
  const auto filled = segment.filled.find(sequence);
  if (!arrival.media || filled == segment.filled.end()) return false;
  --out_.by_source[static_cast<std::size_t>(filled->second)];
  segment.filled.erase(filled);
  ++segment.packets;
  ++out_.reordered;
  out_.lost_per_second.take_back_one();  // only late
  count(arrival);
  return true;
}

bool LayerScanner::take_tail(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place) {
  if (place.sequence > segment.line.highest() + kTailNumbers) return false;
  const Segment::End& end = *segment.ended;
  const std::int64_t media_ms = (place.timestamp - end.line_timestamp) * 1000 / segment.clock_rate;
  if (arrival.receive_ms - end.receive_ms > kTailArrivalMs) return false;
  if (media_ms > end.receive_ms - end.line_receive_ms + kTailMediaMs)
    return false;  // sent after the next began
  segment.line.take(place, arrival.receive_ms);
  segment.patches.push_back({place.sequence, arrival.offset});
  segment.given_early.erase(place.sequence);
  use_early(segment, place.sequence);
  ++segment.packets;
  last_seen_ms_[arrival.ssrc] = arrival.receive_ms;
  count(arrival);
  return true;
}

void LayerScanner::take_ahead(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place) {
  const std::int64_t skipped = place.sequence - segment.line.highest() - 1;
  if (arrival.media) note_quiet(segment, arrival, place);
  segment.line.take(place, arrival.receive_ms);
  if (skipped > 0) count_lost(skipped);
  if (!segment.given_early.empty()) {
    segment.given_early.erase(place.sequence);
    use_early(segment, place.sequence);
  }
  ++segment.packets;
  count(arrival);
  if (!arrival.media) return;
  segment.clock.add_packet(place.timestamp, arrival.receive_ms, place.sequence);
  if (arrival.capture_ntp_ns) segment.clock.add_capture_time(place.timestamp, *arrival.capture_ntp_ns);
  if (!segment.reports.empty() && segment.reports.front().receive_ms <= arrival.receive_ms)
    feed_reports(segment, arrival.receive_ms);
}

void LayerScanner::note_quiet(const Segment& segment, const Arrival& arrival,
                              const SequenceTracker::Place& place) {
  const SequenceTracker& line = segment.line;
  if (place.sequence != line.highest() + 1 || place.timestamp < line.highest_timestamp()) return;
  quiet_.look_at({out_.segments.size() - 1, line.highest_timestamp(), place.timestamp, segment.clock_rate,
                  arrival.receive_ms - line.last_receive_ms()});
}

// A packet that fits no line.
void LayerScanner::consider(const Arrival& arrival) {
  if (!arrival.media) {
    ++out_.unknown_packets;
    if (arrival.ssrc == current().ssrc) out_.skipped_records.push_back(arrival.offset);
    return;
  }
  if (sends_beside_current(arrival)) {
    ++out_.parallel_packets;
    return;
  }
  if (candidate_ && confirms(arrival)) {
    confirm_candidate();
    if (!offer(out_.segments.size() - 1, arrival)) consider(arrival);
    return;
  }
  if (candidate_) discard_candidate();
  const auto step =
      static_cast<std::int16_t>(arrival.sequence - static_cast<std::uint16_t>(current().line.highest()));
  candidate_ = Candidate{arrival, step > 0 && step <= kTailNumbers, 0, {}, {}};
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

bool LayerScanner::confirms(const Arrival& arrival) const {
  const Arrival& first = candidate_->arrival;
  if (arrival.ssrc != first.ssrc || arrival.clock_rate != first.clock_rate) return false;
  const auto step = static_cast<std::int16_t>(arrival.sequence - first.sequence);
  const auto time_step = static_cast<std::int32_t>(arrival.timestamp - first.timestamp);
  const std::int64_t time_ms = std::int64_t{time_step} * 1000 / first.clock_rate;
  const std::int64_t arrival_ms = arrival.receive_ms - first.receive_ms;
  return step != 0 && step >= -50 && step <= 500 && time_ms >= -1'000 && time_ms <= arrival_ms + 10'000;
}

void LayerScanner::confirm_candidate() {
  const Candidate candidate = std::move(*candidate_);
  candidate_.reset();
  if (out_.segments.size() >= kMaxSegments) {
    out_.skipped_records.push_back(candidate.arrival.offset);
    ++out_.malformed_packets;
    return;
  }
  Segment& old = current();
  old.patches.insert(old.patches.end(), candidate.line_advance.begin(), candidate.line_advance.end());
  out_.skipped_records.insert(out_.skipped_records.end(), candidate.line_offsets.begin(),
                              candidate.line_offsets.end());
  const Arrival& first = candidate.arrival;
  SegmentStart why = SegmentStart::new_ssrc;
  if (first.ssrc == old.ssrc)
    why = first.clock_rate != old.clock_rate ? SegmentStart::clock_rate
          : candidate.numbers_go_on          ? SegmentStart::timestamp_jump
                                             : SegmentStart::sequence_restart;
  open_segment(first, why);
}

void LayerScanner::discard_candidate() {
  out_.skipped_records.push_back(candidate_->arrival.offset);
  ++out_.malformed_packets;
  candidate_.reset();
}

void LayerScanner::open_segment(const Arrival& arrival, SegmentStart why) {
  auto segment =
      std::make_unique<Segment>(arrival.clock_rate, arrival.sequence, arrival.timestamp, arrival.receive_ms);
  segment->ssrc = arrival.ssrc;
  segment->why = why;
  segment->start_offset = arrival.offset;
  segment->packets = 1;
  segment->cname = context_.rtcp->cname(arrival.ssrc);
  const auto same_source = std::find_if(out_.segments.rbegin(), out_.segments.rend(),
                                        [&](const auto& s) { return s->ssrc == arrival.ssrc; });
  if (same_source == out_.segments.rend()) {
    segment->reports = context_.rtcp->reports(arrival.ssrc);
  } else {
    segment->reports = (*same_source)->reports;
    (*same_source)->reports = {};
  }
  if (!out_.segments.empty()) {
    last_seen_ms_[current().ssrc] = current().line.last_receive_ms();
    current().ended = {arrival.receive_ms, current().line.last_receive_ms(),
                       current().line.highest_timestamp()};
  }
  out_.segments.push_back(std::move(segment));
  if (out_.segments.size() > kLiveSegments)
    out_.segments[out_.segments.size() - kLiveSegments - 1]->line.retire();
  count(arrival);
  if (!out_.first_media_type) out_.first_media_type = arrival.payload_type;
  current().clock.add_packet(current().line.first_timestamp(), arrival.receive_ms, current().line.first());
  if (arrival.capture_ntp_ns)
    current().clock.add_capture_time(current().line.first_timestamp(), *arrival.capture_ntp_ns);
}

void LayerScanner::on_repaired(const Repaired& repaired) {
  if (failed_) return;
  const RtpPacket& packet = repaired.packet;
  watch_parameter_sets(media_payload(*context_.types, packet));
  for (std::size_t back = 1; back <= std::min(out_.segments.size(), kLiveSegments); ++back) {
    Segment& segment = *out_.segments[out_.segments.size() - back];
    if (segment.ssrc != packet.ssrc) continue;
    const auto place = segment.line.fit(packet.sequence_number, packet.timestamp, receive_ms_);
    if (place.fit == SequenceTracker::Fit::foreign) continue;
    if (place.fit == SequenceTracker::Fit::duplicate || place.sequence < segment.line.first()) return;
    const bool early = place.fit == SequenceTracker::Fit::ahead;
    if (early && (place.sequence > segment.line.highest() + kTailNumbers ||
                  segment.given_early.contains(place.sequence)))
      return;
    const auto where = context_.spill->append(packet.whole);
    if (!where) {
      failed_ = where.error();
      return;
    }
    if (early) {
      segment.given_early[place.sequence] = {*where, place.timestamp, repaired.source};
      return;
    }
    segment.line.take(place, receive_ms_);
    segment.patches.push_back({place.sequence, *where | Patch::kSpilled});
    segment.filled[place.sequence] = repaired.source;
    ++out_.by_source[static_cast<std::size_t>(repaired.source)];
    return;
  }
}

// Uses what was given back before the line had come to it.
void LayerScanner::use_early(Segment& segment, std::int64_t below) {
  auto& early = segment.given_early;
  while (!early.empty() && early.begin()->first < below) {
    const auto& [sequence, packet] = *early.begin();
    if (segment.line.gaps().missing(sequence)) {
      segment.line.take({SequenceTracker::Fit::late, sequence, packet.timestamp}, receive_ms_);
      segment.patches.push_back({sequence, packet.where | Patch::kSpilled});
      segment.filled[sequence] = packet.source;
      ++out_.by_source[static_cast<std::size_t>(packet.source)];
    }
    early.erase(early.begin());
  }
}

void LayerScanner::watch_parameter_sets(const MediaPayload& media) {
  if (media.role != PayloadRole::media || out_.parameter_sets_change) return;
  const HintFormat format = hint_by_type_[media.payload_type & 0x7F];
  if (format != HintFormat::h264 && format != HintFormat::h265) return;
  auto watch = set_watches_.find(media.payload_type);
  if (watch == set_watches_.end())
    watch = set_watches_.try_emplace(media.payload_type, *context_.types->codec(media.payload_type)).first;
  watch->second.push(media.payload);
  // Another payload type of the codec has sets of its own.
  out_.parameter_sets_change = watch->second.changes() || set_watches_.size() > 1;
}

void LayerScanner::count(const Arrival& arrival) {
  if (!arrival.media) return;
  ++out_.packets;
  out_.bytes += arrival.bytes;
  if (arrival.keyframe_hint) ++out_.keyframe_bound;
  out_.bits_per_second.add(arrival.receive_ms - out_.first_receive_ms, arrival.bytes * 8);
}

void LayerScanner::count_lost(std::int64_t packets) {
  out_.lost_per_second.add(receive_ms_ - out_.first_receive_ms, static_cast<std::uint32_t>(packets));
}

void LayerScanner::feed_reports(Segment& segment, std::int64_t until_ms) {
  while (!segment.reports.empty() && segment.reports.front().receive_ms <= until_ms) {
    const ReportArrival& report = segment.reports.front();
    const std::int64_t time = segment.line.unwrap(report.rtp_timestamp);
    if (std::abs(time - segment.line.highest_timestamp()) <= std::int64_t{3600} * segment.clock_rate)
      segment.clock.add_sender_report(time, report.ntp_ns, report.receive_ms);
    segment.reports = segment.reports.subspan(1);
  }
}

void LayerScanner::finish() {
  if (candidate_ && candidate_->packets_since == 0)
    confirm_candidate();
  else if (candidate_)
    discard_candidate();
  digits_.finish();
  for (auto& segment : out_.segments) {
    feed_reports(*segment, INT64_MAX);
    // What was given back beyond the last number stands as the segment's end.
    for (const auto& [sequence, packet] : segment->given_early)
      if (sequence > segment->line.highest()) {
        segment->line.take({SequenceTracker::Fit::ahead, sequence, packet.timestamp},
                           segment->line.last_receive_ms());
        segment->patches.push_back({sequence, packet.where | Patch::kSpilled});
        ++out_.by_source[static_cast<std::size_t>(packet.source)];
      }
    segment->given_early.clear();
    segment->line.retire();
    std::ranges::sort(segment->patches, {}, &Patch::sequence);
    segment->patches.shrink_to_fit();
  }
  std::ranges::sort(out_.skipped_records);
}

}  // namespace rtpx
