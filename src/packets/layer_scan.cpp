#include "packets/layer_scan.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "codec/telephone_event.hpp"
#include "codec/vp8.hpp"
#include "codec/vp9.hpp"
#include "packets/content_hash.hpp"
#include "packets/layer_scan_limits.hpp"
#include "packets/play_time.hpp"
#include "rtp/rtcp.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kTailArrivalMs = 5'000;
constexpr std::int64_t kTailMediaMs = 500;
constexpr std::int64_t kAheadOfArrivalMs = 250;  // of RTP time: sent later than the packet before came
constexpr std::int64_t kLeapMs = 1'000;
constexpr std::int64_t kEventReachMs = 60'000;  // that an event's time may be from the media's
constexpr std::size_t kMostSeen = 256;          // sources whose last packet is remembered

constexpr const char* kCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

bool any_role(const PayloadTypes& types, std::initializer_list<PayloadRole> roles) {
  for (int type = 0; type < 128; ++type)
    if (std::ranges::find(roles, types.role(static_cast<std::uint8_t>(type))) != roles.end()) return true;
  return false;
}

bool has_nal_units(HintFormat format) noexcept {
  return format == HintFormat::h264 || format == HintFormat::h265;
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
    case SegmentStart::resumed:
      return "resumed";
  }
  return "start";
}

std::uint64_t LayerScan::missing() const noexcept {
  std::uint64_t count = 0;
  for (const auto& segment : segments) count += segment->line.gaps().missing_count();
  return count;
}

LayerScanner::LayerScanner(const LayerContext& context, LayerScan& out, const MadeTimes* made_times)
    : context_(context),
      out_(out),
      made_times_(made_times),
      quiet_(context.kind, out.quiet),
      digits_(out.digits),
      encrypted_(out.encrypted) {
  const PayloadTypes& types = *context.types;
  for (int type = 0; type < 128; ++type)
    if (const Codec* codec = types.codec(static_cast<std::uint8_t>(type)))
      hint_by_type_[type] = hint_format(codec->mime_type);
  if (const auto id = context.header_extensions->find(kCaptureTime); id != context.header_extensions->end())
    capture_time_id_ = id->second;
  repairs_ = made_times_ == nullptr && any_role(types, {PayloadRole::rtx, PayloadRole::red, PayloadRole::ulpfec, PayloadRole::flexfec});
  if (repairs_)
    repairer_.emplace(types, *context.header_extensions,
                      [this](const Repaired& repaired) { on_repaired(repaired); });
}

Result<void> LayerScanner::push(RtpPacket packet, std::uint64_t offset, std::int64_t receive_ms) {
  if (made_times_ != nullptr) packet.timestamp = made_times_->at(records_).value_or(packet.timestamp);
  receive_ms_ = receive_ms;
  if (out_.packets + out_.repair_packets + out_.unknown_packets == 0) out_.first_receive_ms = receive_ms;
  out_.last_receive_ms = std::max(out_.last_receive_ms, receive_ms);
  on_line_ = false;
  ++records_;
  const MediaPayload media = media_payload(*context_.types, packet);
  const bool separate_fec =
      media.role == PayloadRole::ulpfec && (out_.segments.empty() || packet.ssrc != current().ssrc);
  if (only_repairs(media.role) || separate_fec) {
    ++out_.repair_packets;
    if (out_.segments.empty()) note_repair_alone(packet);
  } else {
    if (media.role == PayloadRole::unknown) note_unknown(media.payload_type);
    judge(describe(packet, media, offset, receive_ms));
    if (media.role == PayloadRole::media) watch(packet, media);
    if (media.role == PayloadRole::telephone_event) note_event(packet, media);
  }
  if (repairs_ && !is_encrypted_red(*context_.types, packet)) repairer_->push(packet);
  note_order();
  if (failed_) return std::unexpected(*failed_);
  return {};
}

void LayerScanner::note_unknown(std::uint8_t payload_type) {
  ++out_.unknown_packets;
  UnknownType& type = out_.unknown_types[payload_type];
  if (type.packets++ == 0) type.first_receive_ms = receive_ms_;
  type.last_receive_ms = receive_ms_;
}

void LayerScanner::note_repair_alone(const RtpPacket& packet) {
  const std::size_t nothing = context_.types->role(packet.payload_type) == PayloadRole::rtx ? 2 : 0;  // RFC 4588 section 4
  if (packet.payload.size() <= nothing) return;
  UnknownType& type = out_.repairs_alone[packet.payload_type];
  if (type.packets++ == 0) type.first_receive_ms = receive_ms_;
  type.last_receive_ms = receive_ms_;
}

// An event of the media's source has the media's time, if its clock is the same.
void LayerScanner::note_event(const RtpPacket& packet, const MediaPayload& media) {
  const Codec* codec = context_.types->codec(media.payload_type);
  DigitSpans::Packet event{
      .ssrc = packet.ssrc,
      .timestamp = packet.timestamp,
      .clock_rate = codec != nullptr && codec->clock_rate > 0 ? codec->clock_rate : 8'000,
      .sequence = packet.sequence_number,
      .marker = packet.marker,
      .receive_ms = receive_ms_,
      .payload = media.payload};
  if (!out_.segments.empty() && packet.ssrc == current().ssrc && event.clock_rate == current().clock_rate) {
    const std::int64_t time = current().line.unwrap(packet.timestamp);
    const std::int64_t apart = std::abs(time - current().line.highest_timestamp());
    if (apart <= kEventReachMs * event.clock_rate / 1000) {
      event.place = {out_.segments.size() - 1, time};
      if (const auto told = parse_telephone_event(media.payload))
        current().clock.add_event(time, told->duration);
    }
  }
  digits_.push(event);
}

LayerScanner::Arrival LayerScanner::describe(const RtpPacket& packet, const MediaPayload& media,
                                             std::uint64_t offset, std::int64_t receive_ms) const {
  Arrival arrival{
      .record = records_ - 1,
      .offset = offset,
      .receive_ms = receive_ms,
      .ssrc = packet.ssrc,
      .timestamp = packet.timestamp,
      .sequence = packet.sequence_number,
      .payload_type = media.payload_type,
      .media = media.role == PayloadRole::media,
      .marker = packet.marker,
      .number_only = media.role == PayloadRole::unknown || media.role == PayloadRole::telephone_event,
      .bytes = static_cast<std::uint32_t>(media.payload.size())};
  if (!arrival.media) return arrival;
  const Codec* codec = context_.types->codec(media.payload_type);
  arrival.clock_rate = codec != nullptr && codec->clock_rate > 0 ? codec->clock_rate : 90'000;
  arrival.keyframe_hint = may_begin_keyframe(hint_by_type_[media.payload_type & 0x7F], media.payload);
  if (arrival.keyframe_hint)
    arrival.size =
        keyframe_size(hint_by_type_[media.payload_type & 0x7F], media.payload).value_or(PictureSize{});
  arrival.content = content_hash(packet, media);
  if (context_.kind == MediaKind::audio && codec != nullptr && !ends_encrypted(packet) &&
      (out_.segments.empty() || out_.segments.back()->clock.wants_durations()))
    arrival.play_ns = play_time_ns(*codec, media.payload);
  if (capture_time_id_)
    if (const auto value = find_extension(packet, *capture_time_id_); value && value->size() >= 8)
      arrival.capture_ntp_ns = ntp_to_ns(load_be<std::uint64_t>(value->data()));
  return arrival;
}

// Finds the line that a packet belongs to: the newest first.
void LayerScanner::judge(const Arrival& arrival) {
  if (arrival.number_only) return note_number(arrival);
  if (resumes(arrival)) return resume(arrival);
  if (out_.segments.empty()) {
    if (arrival.media) open_segment(arrival, SegmentStart::start);
    return;
  }
  Segment& newest = current();
  if (arrival.media && !candidate_ && arrival.ssrc == newest.ssrc && arrival.clock_rate == newest.clock_rate) {
    const SequenceTracker& line = newest.line;
    const auto place = line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms);
    // Nearly all packets are the next one, sent within a second: then nothing else has to be asked.
    if (place.fit == SequenceTracker::Fit::ahead && place.sequence == line.highest() + 1 &&
        place.timestamp - line.highest_timestamp() < newest.clock_rate && arrival.receive_ms >= line.last_receive_ms())
      return take_ahead(newest, arrival, place);
  }
  const std::size_t count = out_.segments.size();
  for (std::size_t back = 1; back <= std::min(count, kLiveSegments); ++back)
    if (offer(count - back, arrival)) return;
  consider(arrival);
}

// What a pause has left out is not lost: the source goes on in a segment of its own.
bool LayerScanner::resumes(const Arrival& arrival) {
  for (; next_pause_ < context_.pauses.size() &&
         arrival.receive_ms > context_.pauses[next_pause_].from_ms;
       ++next_pause_)
    paused_ = !out_.segments.empty();
  return paused_ && arrival.media && arrival.ssrc == current().ssrc && out_.segments.size() < kMaxSegments;
}

void LayerScanner::resume(const Arrival& arrival) {
  if (candidate_) discard_candidate();
  settle_held(held_.size());
  current().given_early.clear();
  open_segment(arrival, SegmentStart::resumed);
}

void LayerScanner::note_number(const Arrival& arrival) {
  const std::size_t live = std::min(out_.segments.size(), kLiveSegments);
  for (std::size_t back = 1; back <= live; ++back) {
    Segment& segment = *out_.segments[out_.segments.size() - back];
    if (segment.ssrc != arrival.ssrc) continue;
    const bool advances = segment.line.take_other(arrival.sequence);
    if (const auto type = out_.unknown_types.find(arrival.payload_type);
        advances && type != out_.unknown_types.end())
      type->second.longest_run = std::max(type->second.longest_run, ++unknown_run_);
    return;
  }
}

bool LayerScanner::offer(std::size_t index, const Arrival& arrival) {
  const Segment& segment = *out_.segments[index];
  if (segment.ssrc != arrival.ssrc) return false;
  if (arrival.clock_rate != 0 && arrival.clock_rate != segment.clock_rate) return false;
  const auto place = segment.line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms);
  using Fit = SequenceTracker::Fit;
  if (place.fit == Fit::foreign) return false;
  const bool newest = index + 1 == out_.segments.size();
  if (place.fit == Fit::late && sent_in_pause(segment, place)) {
    ++out_.duplicates;
    return true;
  }
  if (!newest && (long_over(segment, arrival) || (place.fit == Fit::duplicate && spoken_over(arrival)))) return false;
  if (place.fit == Fit::ahead && newest && candidate_ && set_back_goes_on(arrival)) return false;
  if (place.fit == Fit::ahead && newest &&
      (older_line_wants(arrival.ssrc, arrival.sequence, arrival.timestamp, place) || leaps(arrival, place)))
    return false;
  if (place.fit == Fit::duplicate && segment.line.differs(place.sequence, arrival.content)) return false;
  const std::int64_t behind_ms =
      (segment.line.highest_timestamp() - place.timestamp) * 1000 / segment.clock_rate;
  const bool copied_sound = context_.kind == MediaKind::audio && place.fit == Fit::duplicate;
  if (place.fit != Fit::ahead && newest && arrival.media &&
      behind_ms > (copied_sound ? kCopyBehindMs : kFarBehindMs) && !segment.filled.contains(place.sequence)) {
    hold(arrival, place);
    return true;
  }
  return take_in(index, arrival, place);
}

bool LayerScanner::take_in(std::size_t index, const Arrival& arrival, const SequenceTracker::Place& place) {
  Segment& segment = *out_.segments[index];
  const bool newest = index + 1 == out_.segments.size();
  switch (place.fit) {
    case SequenceTracker::Fit::foreign:
      return false;
    case SequenceTracker::Fit::duplicate:
      if (!take_after_repair(segment, arrival, place.sequence)) ++out_.duplicates;
      break;
    case SequenceTracker::Fit::late:
      take_late(segment, arrival, place);
      break;
    case SequenceTracker::Fit::ahead:
      if (!newest && !take_tail(segment, arrival, place)) return false;
      if (newest) take_ahead(segment, arrival, place);
      break;
  }
  const bool passed_by =
      newest && place.fit == SequenceTracker::Fit::ahead && candidate_ && candidate_->next_number;
  if (candidate_ && (++candidate_->line_packets > kCandidateLife || passed_by)) discard_candidate();
  return true;
}

void LayerScanner::take_late(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place) {
  if (arrival.media && place.timestamp < segment.line.first_timestamp())
    segment.clock.add_packet(place.timestamp, arrival.receive_ms, place.sequence);
  segment.line.take(place, arrival.receive_ms, arrival.content);
  segment.patches.push_back({place.sequence, place.timestamp, arrival.offset});
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
  if (!within_tail(segment, place, arrival.receive_ms)) return false;
  (void)go_on_by_patch(segment, arrival, place, arrival.receive_ms);
  last_seen_ms_[arrival.ssrc] = arrival.receive_ms;
  return true;
}

// The line goes on with a packet that lies elsewhere in the file. Answers the numbers that are missing before it.
std::int64_t LayerScanner::go_on_by_patch(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place,
                                          std::int64_t receive_ms) {
  const std::int64_t missing = segment.line.take(place, receive_ms, arrival.content);
  segment.patches.push_back({place.sequence, place.timestamp, arrival.offset});
  segment.given_early.erase(place.sequence);
  use_early(segment, place.sequence);
  ++segment.packets;
  count(arrival);
  return missing;
}

// An ended segment's last packets may come after the next one's first, but not what was sent after that.
bool LayerScanner::within_tail(const Segment& segment, const SequenceTracker::Place& place,
                               std::int64_t receive_ms) const {
  const Segment::End& end = *segment.ended;
  if (place.sequence > segment.line.highest() + kTailNumbers) return false;
  if (receive_ms - end.receive_ms > kTailArrivalMs) return false;
  const std::int64_t media_ms = (place.timestamp - end.line_timestamp) * 1000 / segment.clock_rate;
  return media_ms <= end.receive_ms - end.line_receive_ms + kTailMediaMs;
}

// A source that has begun anew with the numbers and times that it had before: what seems to be ahead of its
// new line, sent before its time, is a late packet of the old one.
bool LayerScanner::older_line_wants(std::uint32_t ssrc, std::uint16_t sequence, std::uint32_t timestamp,
                                    const SequenceTracker::Place& place) const {
  if (out_.segments.size() < 2) return false;
  const SequenceTracker& line = current().line;
  if (place.sequence == line.highest() + 1) return false;
  const std::int64_t step_ms = (place.timestamp - line.highest_timestamp()) * 1000 / current().clock_rate;
  if (step_ms <= receive_ms_ - line.last_receive_ms() + kAheadOfArrivalMs) return false;
  for (std::size_t back = 2; back <= std::min(out_.segments.size(), kLiveSegments); ++back) {
    const Segment& older = *out_.segments[out_.segments.size() - back];
    if (older.ssrc != ssrc || older.clock_rate != current().clock_rate) continue;
    if (receive_ms_ - older.ended->receive_ms > kTailArrivalMs) continue;
    const auto there = older.line.fit(sequence, timestamp, receive_ms_);
    if (there.fit == SequenceTracker::Fit::late ||
        (there.fit == SequenceTracker::Fit::ahead && within_tail(older, there, receive_ms_)))
      return true;
  }
  return false;
}

// Where the source has begun anew with the numbers that it had, an old line takes no more of them after a
// while.
bool LayerScanner::long_over(const Segment& segment, const Arrival& arrival) const {
  if (arrival.receive_ms - segment.ended->receive_ms <= kTailArrivalMs) return false;
  if (current().ssrc != arrival.ssrc || current().clock_rate != segment.clock_rate) return false;
  return current().line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms).fit !=
         SequenceTracker::Fit::foreign;
}

// The newest line has used this number for something else: what is like an older line's is no copy of it, which would
// have come before.
bool LayerScanner::spoken_over(const Arrival& arrival) const {
  if (arrival.ssrc != current().ssrc || arrival.clock_rate != current().clock_rate) return false;
  const auto place = current().line.fit(arrival.sequence, arrival.timestamp, arrival.receive_ms);
  return place.fit == SequenceTracker::Fit::duplicate && current().line.differs(place.sequence, arrival.content);
}

// A long loss, or time that went on without the clock on the wall: the next packets show whether it is so.
bool LayerScanner::leaps(const Arrival& arrival, const SequenceTracker::Place& place) const {
  const Segment& segment = current();
  if (!arrival.media) return false;
  if (place.sequence > segment.line.highest() + kTailNumbers) return true;
  const std::int64_t ticks = place.timestamp - segment.line.highest_timestamp();
  const std::int64_t came_after_ms = arrival.receive_ms - segment.line.last_receive_ms();
  if (ticks < segment.clock_rate && came_after_ms >= 0) return false;  // nearly all packets need no division
  return ticks * 1000 / segment.clock_rate > came_after_ms + kLeapMs;
}

void LayerScanner::take_ahead(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place) {
  if (arrival.media) note_quiet(segment, arrival, place);
  note_lost(segment.line.take(place, arrival.receive_ms, arrival.content), arrival);
  if (!segment.given_early.empty()) {
    segment.given_early.erase(place.sequence);
    use_early(segment, place.sequence);
  }
  decide(arrival.record, true);
  frame_ended_ = arrival.marker;
  unknown_run_ = 0;
  if (candidate_)
    candidate_->line_advance.push_back({arrival.record, {place.sequence, place.timestamp, arrival.offset}});
  else if (!held_.empty() && ++held_for_ > kHeldLife)
    settle_held(held_.size());
  if (!waiting_.empty()) settle_waiting(false);
  ++segment.packets;
  count(arrival);
  if (!arrival.media) return;
  remember_tail(arrival);
  segment.clock.add_packet(place.timestamp, arrival.receive_ms, place.sequence, arrival.play_ns);
  if (arrival.capture_ntp_ns) segment.clock.add_capture_time(place.timestamp, *arrival.capture_ntp_ns);
  if (segment.has_report(arrival.receive_ms)) feed_reports(segment, arrival.receive_ms);
  if (!beyond_.empty()) settle_beyond(false);
}

void LayerScanner::note_lost(std::int64_t numbers, const Arrival& before) {
  if (numbers > 0)
    out_.lost_per_second.add(before.receive_ms - out_.first_receive_ms, static_cast<std::uint32_t>(numbers));
}

void LayerScanner::note_quiet(const Segment& segment, const Arrival& arrival,
                              const SequenceTracker::Place& place) {
  const SequenceTracker& line = segment.line;
  if (!line.adjoins(place.sequence) || place.timestamp < line.highest_timestamp()) return;
  quiet_.look_at({out_.segments.size() - 1, line.highest_timestamp(), place.timestamp, segment.clock_rate,
                  arrival.receive_ms - line.last_receive_ms()});
}

void LayerScanner::open_segment(const Arrival& arrival, SegmentStart why) {
  if (!beyond_.empty()) settle_beyond(true);
  auto segment = std::make_unique<Segment>(arrival.clock_rate, arrival.sequence, arrival.timestamp,
                                           arrival.receive_ms, arrival.content,
                                           has_nal_units(hint_by_type_[arrival.payload_type & 0x7F]));
  segment->ssrc = arrival.ssrc;
  segment->why = why;
  segment->after_pause = std::exchange(paused_, false);
  segment->first_record = arrival.record;
  segment->packets = 1;
  segment->first_receive_ms = arrival.receive_ms;
  segment->cname = context_.rtcp->cname(arrival.ssrc);
  const auto same_source = std::find_if(out_.segments.rbegin(), out_.segments.rend(),
                                        [&](const auto& s) { return s->ssrc == arrival.ssrc; });
  if (made_times_ != nullptr) {
    segment->reports = nullptr;  // they tell of the sender's times
  } else if (same_source == out_.segments.rend()) {
    segment->reports = &context_.rtcp->reports(arrival.ssrc);
  } else {
    segment->reports = std::exchange((*same_source)->reports, nullptr);
    segment->next_report = (*same_source)->next_report;
  }
  if (!out_.segments.empty()) {
    if (last_seen_ms_.size() >= kMostSeen)
      last_seen_ms_.erase(
          std::ranges::min_element(last_seen_ms_, {}, [](const auto& s) { return s.second; }));
    last_seen_ms_[current().ssrc] = current().line.last_receive_ms();
    current().ended = {arrival.receive_ms, current().line.last_receive_ms(),
                       current().line.highest_timestamp()};
  }
  out_.segments.push_back(std::move(segment));
  if (out_.segments.size() > kLiveSegments) {
    Segment& over = *out_.segments[out_.segments.size() - kLiveSegments - 1];
    over.line.retire();
    if (over.cname.empty()) over.cname = context_.rtcp->cname(over.ssrc);
    std::ranges::sort(over.patches, {}, &Patch::sequence);
  }
  last_copy_.reset();
  tail_before_ = std::exchange(tail_, {});
  remember_tail(arrival);
  decide(arrival.record, true);
  frame_ended_ = arrival.marker;
  count(arrival);
  if (!out_.first_media_type) out_.first_media_type = arrival.payload_type;
  current().clock.add_packet(current().line.first_timestamp(), arrival.receive_ms, current().line.first(),
                             arrival.play_ns);
  if (arrival.capture_ntp_ns)
    current().clock.add_capture_time(current().line.first_timestamp(), *arrival.capture_ntp_ns);
  const auto waiting = std::exchange(waiting_, {});
  for (const Waiting& packet : waiting)
    if (!place_repaired(packet) && packet.ssrc != arrival.ssrc) waiting_.push_back(packet);
}

void LayerScanner::watch(const RtpPacket& packet, const MediaPayload& media) {
  const HintFormat format = hint_by_type_[media.payload_type & 0x7F];
  const bool escaped = has_nal_units(format);
  if (escaped) watch_nal_units(packet, media);
  const bool audio = context_.kind == MediaKind::audio;
  const bool whole = packet.marker || audio;
  const bool starts = audio || ((format == HintFormat::vp8 || format == HintFormat::vp9) &&
                                may_begin_frame(format, media.payload));
  if (!starts && !encrypted_.may_matter(packet, escaped, whole)) return;
  if (out_.segments.empty() || current().ssrc != packet.ssrc) return;
  encrypted_.push(out_.segments.size() - 1, current().line.unwrap(packet.timestamp), packet, escaped, whole,
                  starts ? start_of_frame(format, media.payload) : Bytes{});
}

/// The first bytes of the frame that begins in this payload; of formats whose packets may carry anything.
Bytes LayerScanner::start_of_frame(HintFormat format, Bytes payload) const {
  if (context_.kind == MediaKind::audio) return payload;
  if (format == HintFormat::vp8) {
    const auto descriptor = parse_vp8_descriptor(payload);
    return descriptor ? payload.subspan(descriptor->size) : Bytes{};
  }
  const auto descriptor = parse_vp9_descriptor(payload);
  return descriptor ? payload.subspan(descriptor->size) : Bytes{};
}

void LayerScanner::watch_nal_units(const RtpPacket& packet, const MediaPayload& media) {
  if (media.role != PayloadRole::media || !has_nal_units(hint_by_type_[media.payload_type & 0x7F])) return;
  auto watch = nal_watches_.find(media.payload_type);
  if (watch == nal_watches_.end())
    watch = nal_watches_.try_emplace(media.payload_type, *context_.types->codec(media.payload_type)).first;
  watch->second.sets.push(media.payload);
  watch->second.markers.push(packet, media.payload);
  // Another payload type of the codec has sets of its own.
  out_.parameter_sets_change |= watch->second.sets.changes() || nal_watches_.size() > 1;
  out_.markers_within_pictures |= watch->second.markers.markers_within_pictures();
}

void LayerScanner::count(const Arrival& arrival) {
  if (!arrival.media) return;
  ++out_.packets;
  out_.media_types.set(arrival.payload_type);
  out_.bytes += arrival.bytes;
  if (arrival.keyframe_hint) {
    ++out_.keyframe_bound;
    if (arrival.size.area() > out_.largest.area()) out_.largest = arrival.size;
  }
  out_.bits_per_second.add(arrival.receive_ms - out_.first_receive_ms, arrival.bytes * 8);
}

void LayerScanner::decide(std::uint64_t record, bool on_line) {
  if (const std::uint64_t at = record - written_order_; at < undecided_.size())
    undecided_[at] = on_line;
  else
    on_line_ = on_line;
}

// The newest record joins the order, which is written as far as nothing can change it any more.
inline void LayerScanner::note_order() {
  if (written_order_ + 1 == records_ && !candidate_ && held_.empty()) {
    out_.line.add(on_line_);
    written_order_ = records_;
    return;
  }
  undecided_.push_back(on_line_);
  write_order(false);
}

void LayerScanner::write_order(bool all) {
  std::uint64_t settled = records_;
  if (!all && candidate_) settled = std::min(settled, candidate_->arrivals.front().record);
  if (!all && !held_.empty()) settled = std::min(settled, held_.front().record);
  for (; written_order_ < settled; ++written_order_) {
    out_.line.add(undecided_.front());
    undecided_.pop_front();
  }
}

void LayerScanner::feed_reports(Segment& segment, std::int64_t until_ms) {
  for (; segment.has_report(until_ms); ++segment.next_report) {
    const ReportArrival& report = (*segment.reports)[segment.next_report];
    const std::int64_t time = segment.line.unwrap(report.rtp_timestamp);
    if (std::abs(time - segment.line.highest_timestamp()) <= std::int64_t{3600} * segment.clock_rate)
      segment.clock.add_sender_report(time, report.ntp_ns, report.receive_ms);
  }
}

void LayerScanner::settle_encrypted(LayerScan& out) const {
  std::ranges::sort(out.encrypted, {}, [](const EncryptedSpan& span) {
    return std::pair(span.segment, span.from_timestamp);
  });
  // What the headers of encrypted frames seem to say of the picture: LiveKit and Jitsi leave those of VP8 and
  // the parameter sets of H.264 and H.265 in clear.
  const bool no_header =
      out.first_media_type && hint_by_type_[*out.first_media_type & 0x7F] == HintFormat::vp9;
  for (const EncryptedSpan& span : out.encrypted)
    if (no_header || span.format == E2eeFormat::sframe || span.format == E2eeFormat::medooze)
      out.largest = {};
}

LayerScan LayerScanner::so_far() const {
  LayerScan now = out_;
  settle_encrypted(now);
  for (std::size_t back = 1; back <= std::min(now.segments.size(), kLiveSegments); ++back) {  // older ones have settled
    auto& segment = now.segments[now.segments.size() - back];
    segment = std::make_shared<Segment>(*segment);
    segment->line.retire();
    segment->given_early.clear();
    segment->filled.clear();
    std::ranges::sort(segment->patches, {}, &Patch::sequence);
    if (segment->cname.empty()) segment->cname = context_.rtcp->cname(segment->ssrc);
  }
  return now;
}

void LayerScanner::finish() {
  const bool lonely_end = candidate_ && candidate_->line_packets == 0;
  if (lonely_end && candidate_->kind != Candidate::Kind::other_content)
    confirm_candidate();
  else if (candidate_)
    discard_candidate();
  settle_held(held_.size());
  if (!beyond_.empty()) settle_beyond(true);
  settle_waiting(true);
  write_order(true);
  digits_.finish();
  settle_encrypted(out_);
  for (auto& segment : out_.segments) {
    feed_reports(*segment, INT64_MAX);
    // What was given back beyond the last number stands as the segment's end.
    for (const auto& [sequence, packet] : segment->given_early)
      if (sequence > segment->line.highest()) {
        segment->line.take({SequenceTracker::Fit::ahead, sequence, packet.timestamp},
                           segment->line.last_receive_ms());
        segment->patches.push_back({sequence, packet.timestamp, packet.where | Patch::kSpilled});
        ++out_.by_source[static_cast<std::size_t>(packet.source)];
      }
    segment->given_early.clear();
    segment->line.retire();
    std::ranges::sort(segment->patches, {}, &Patch::sequence);
    segment->patches.shrink_to_fit();
  }
}

}  // namespace rtpx
