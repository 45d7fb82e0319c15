#include "ingest/streams/stream_receiver.hpp"

#include <algorithm>

#include "rtp/codec_roles.hpp"
#include "rtp/packet.hpp"
#include "rtp/rtcp.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxWaiting = 256, kMaxWaitingRtcp = 16;
constexpr auto kRidPatience = 1s;
constexpr auto kReportInterval = 1s;
constexpr auto kTransportCcInterval = 100ms, kTransportCcEarly = 50ms;
constexpr auto kEarly = 5s;
constexpr auto kLayerWatch = 50ms;
constexpr std::uint8_t kSilent = 127;

/// The mime type of a payload type; for RED, which wraps another codec, that of the preferred media codec.
std::string codec_name(const std::vector<Codec>& codecs, std::uint8_t payload_type) {
  const auto found = std::ranges::find(codecs, payload_type, &Codec::payload_type);
  if (found == codecs.end()) return {};
  return payload_role(found->mime_type) == PayloadRole::red ? codecs.front().mime_type : found->mime_type;
}

double to_ms(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

/// One layer's SSRCs that are gone, together.
void add(StreamStats& to, const StreamStats& one) {
  to.packets += one.packets;
  to.bytes += one.bytes;
  to.repair_packets += one.repair_packets;
  to.lost += one.lost;
  to.recovered += one.recovered;
  to.unrepaired += one.unrepaired;
  to.nacks_sent += one.nacks_sent;
  to.nacks_unanswered += one.nacks_unanswered;
  to.plis_sent += one.plis_sent;
  to.keyframes += one.keyframes;
}

}  // namespace

StreamReceiver::StreamReceiver(const std::vector<NegotiatedTrack>& tracks, const Options& options,
                               DropCounts& drops)
    : tracks_(tracks),
      options_(options),
      drops_(drops),
      demux_(tracks, options.max_sources),
      feedback_(tracks, options.ssrc),
      states_(tracks.size()) {
  const auto any = [&](auto flag) {
    return std::ranges::any_of(tracks, [&](const NegotiatedTrack& one) { return one.feedback.*flag; });
  };
  remb_only_ = any(&AllowedFeedback::remb) && !any(&AllowedFeedback::transport_cc);
}

std::optional<std::size_t> StreamReceiver::guess_track(const RtpPacket& packet) const {
  const auto known = demux_.track_of(packet.ssrc);
  return known ? known : demux_.track_of(packet);
}

Demux::Learned StreamReceiver::learn(const RtpPacket& packet, Time arrival) {
  const Demux::Learned learned = demux_.learn(packet, arrival);
  if (learned != Demux::Learned::full) return learned;
  const auto gone = demux_.retire(arrival);
  if (!gone) return learned;
  forget(*gone);
  return demux_.learn(packet, arrival);
}

void StreamReceiver::forget(std::uint32_t ssrc) {
  if (const auto stream = feedback_.forget(ssrc)) {
    StreamStats last = stats_of(ssrc, *stream, stream->last);
    StreamStats& together = forgotten_[{stream->route.track, stream->route.rid_index}];
    together.rid = last.rid;
    add(together, last);
  }
  ccfb_.forget(ssrc);
  if (on_forgotten) on_forgotten(ssrc);
}

bool StreamReceiver::on_rtp(Bytes bytes, Time arrival) {
  const auto packet = parse_rtp(bytes);
  if (!packet) {
    drops_.add(Drop::malformed);
    return false;
  }
  if (!first_) first_ = arrival;
  if (remb_only_) rate_.add(bytes.size(), arrival);
  const bool some_wait = !waiting_.empty() || !waiting_rtcp_.empty();
  const bool new_here = some_wait && demux_.find(packet->ssrc) == nullptr;
  Demux::Learned learned = learn(*packet, arrival);
  if (const auto track = demux_.track_of(packet->ssrc)) on_congestion_control(*packet, *track, arrival);
  if (learned == Demux::Learned::rid_later) {
    if (waiting_.size() < kMaxWaiting) {
      waiting_.push_back({{bytes.begin(), bytes.end()}, arrival});
      return true;
    }
    if (demux_.settle(packet->ssrc) != nullptr) learned = Demux::Learned::route;
  }
  if (learned != Demux::Learned::route) {
    const bool full = learned == Demux::Learned::full;
    drops_.add(full ? Drop::too_many_streams : Drop::unknown_stream);
    if (full && on_forgotten) on_forgotten(packet->ssrc);
    return false;
  }
  if (new_here) release_waiting();
  deliver(*packet, *demux_.find(packet->ssrc), arrival);
  return true;
}

/// What congestion control at the sender wants to hear of is decided by the m-line of the packet.
void StreamReceiver::on_congestion_control(const RtpPacket& packet, std::size_t track, Time arrival) {
  const NegotiatedTrack& one = tracks_[track];
  reduced_congestion_feedback_ = one.feedback.reduced_size;
  if (one.feedback.ccfb) ccfb_.on_packet(packet.ssrc, packet.sequence_number, arrival);
  if (!one.feedback.transport_cc || one.extensions.transport_cc == 0) return;
  const auto value = find_extension(packet, one.extensions.transport_cc);
  if (!value || value->size() < 2) return;
  transport_cc_.on_packet(load_be<std::uint16_t>(value->data()), arrival);
  transport_cc_media_ = packet.ssrc;
}

/// What waited for an SSRC that is known now goes to the sink, oldest first.
void StreamReceiver::release_waiting() {
  if (!waiting_.empty()) {
    const auto others = std::ranges::stable_partition(waiting_, [&](const Waiting& one) {
      return demux_.find(load_be<std::uint32_t>(one.packet.data() + 8)) != nullptr;
    });
    std::vector<Waiting> ready(std::make_move_iterator(waiting_.begin()),
                               std::make_move_iterator(others.begin()));
    waiting_.erase(waiting_.begin(), others.begin());
    for (const Waiting& one : ready)
      if (const auto packet = parse_rtp(one.packet))
        deliver(*packet, *demux_.find(packet->ssrc), one.arrival);
  }
  std::erase_if(waiting_rtcp_, [&](const Waiting& one) { return deliver_rtcp(one.packet, one.arrival); });
}

void StreamReceiver::settle_waiting(Time now, Time::duration patience) {
  while (!waiting_.empty() && now - waiting_.front().arrival >= patience) {
    if (demux_.settle(load_be<std::uint32_t>(waiting_.front().packet.data() + 8)) != nullptr) {
      release_waiting();
    } else {  // its SSRC made place for others
      drops_.add(Drop::too_many_streams);
      waiting_.erase(waiting_.begin());
    }
  }
}

void StreamReceiver::finish(Time now) {
  settle_waiting(now, Time::duration::min());
  drops_.add(Drop::unassigned_report, waiting_rtcp_.size());
  waiting_rtcp_.clear();
}

void StreamReceiver::deliver(const RtpPacket& packet, const Route& route, Time arrival) {
  bye_at_.reset();
  if (sink_) sink_->on_rtp(route.track, route.rid_index, packet.whole, arrival);
  if (route.role == StreamRole::media) {
    Track& track = states_[route.track];
    track.payload_type = packet.payload_type;
    if (const std::uint8_t id = tracks_[route.track].extensions.audio_level; id != 0)
      on_audio_level(track, packet, id);
    feedback_.on_media(packet, route, arrival);
  } else {
    const std::uint32_t media =
        route.media != 0 ? route.media : demux_.media_of(route.track, route.rid_index);
    feedback_.on_repair(packet, route, media, arrival);
  }
}

/// RFC 6464 section 3.
void StreamReceiver::on_audio_level(Track& track, const RtpPacket& packet, std::uint8_t id) {
  const auto value = find_extension(packet, id);
  if (!value || value->empty()) return;
  const auto level = static_cast<std::uint8_t>(u8(value->front()) & 0x7FU);
  track.loudest = std::min(track.loudest, level);
  track.level_known = true;
}

bool StreamReceiver::on_rtcp(Bytes compound, Time arrival) {
  const auto blocks = rtcp::split(compound);
  if (blocks.empty()) {
    drops_.add(Drop::malformed);
    return false;
  }
  const auto now_middle = static_cast<std::uint32_t>(rtcp::to_ntp(arrival.time_since_epoch()) >> 16);
  for (const rtcp::Block& block : blocks)
    if (const auto sample = rtcp::read_round_trip(block, options_.ssrc, now_middle))
      feedback_.on_round_trip(*sample);
  if (deliver_rtcp(compound, arrival)) return true;
  if (waiting_rtcp_.size() == kMaxWaitingRtcp) {
    waiting_rtcp_.erase(waiting_rtcp_.begin());
    drops_.add(Drop::unassigned_report);
  }
  waiting_rtcp_.push_back({{compound.begin(), compound.end()}, arrival});
  return true;
}

/// Hands a compound to each track that it is about. False: its SSRCs are not known yet.
bool StreamReceiver::deliver_rtcp(Bytes compound, Time arrival) {
  std::vector<std::size_t> about;
  for (const std::uint32_t ssrc : rtcp::senders(compound))
    if (const auto track = demux_.track_of(ssrc); track && std::ranges::find(about, *track) == about.end())
      about.push_back(*track);
  if (about.empty() && tracks_.size() == 1) about.push_back(0);
  if (about.empty()) return false;
  for (const std::size_t track : about) {
    ++states_[track].rtcp_packets;
    if (sink_) sink_->on_rtcp(track, compound, arrival);
  }
  const RtcpSummary summary = parse_rtcp(compound);
  feedback_.on_rtcp(summary, arrival);
  if (!summary.byes.empty() && feedback_.all_said_bye()) bye_at_ = arrival;
  return true;
}

/// What precedes feedback where reduced-size RTCP (RFC 5506) was not negotiated.
rtcp::Buffer StreamReceiver::head(bool reduced_size) const {
  rtcp::Buffer out;
  if (!reduced_size) {
    rtcp::write_receiver_report(out, options_.ssrc, {});
    rtcp::write_cname(out, options_.ssrc, "rtpx");
  }
  return out;
}

void StreamReceiver::send_feedback(Time now, const Send& send) {
  settle_waiting(now, kRidPatience);
  if (!send) return;
  for (const StreamFeedback::Request& request : feedback_.requests(now)) {
    rtcp::Buffer out = head(request.alone || tracks_[request.track].feedback.reduced_size);
    out.insert(out.end(), request.packet.begin(), request.packet.end());
    send(out);
  }
  if (now >= next_congestion_feedback_) send_congestion_feedback(now, send);
  if (now >= next_report_) send_reports(now, send);
}

StreamReceiver::Time StreamReceiver::next_feedback(Time now) const noexcept {
  if (feedback_.wants_requests()) return now;
  Time next = next_report_;
  if (transport_cc_.pending() || ccfb_.pending()) next = std::min(next, next_congestion_feedback_);
  if (!waiting_.empty()) next = std::min(next, waiting_.front().arrival + kRidPatience);
  if (feedback_.watches_layers()) next = std::min<Time>(next, now + kLayerWatch);
  return next;
}

void StreamReceiver::send_congestion_feedback(Time now, const Send& send) {
  if (!transport_cc_.pending() && !ccfb_.pending()) return;
  next_congestion_feedback_ =
      now + (first_ && now - *first_ < kEarly ? kTransportCcEarly : kTransportCcInterval);
  const auto send_alone = [&](Bytes packet) {
    rtcp::Buffer out = head(reduced_congestion_feedback_);
    out.insert(out.end(), packet.begin(), packet.end());
    send(out);
  };
  rtcp::Buffer packets;
  if (transport_cc_.pending()) transport_cc_.write(packets, options_.ssrc, transport_cc_media_);
  for (Bytes rest = packets; rest.size() >= 4;) {
    const std::size_t size = 4U * (load_be<std::uint16_t>(rest.data() + 2) + 1U);
    send_alone(rest.first(size));
    rest = rest.subspan(size);
  }
  if (ccfb_.pending())
    for (const rtcp::Buffer& packet : ccfb_.write(options_.ssrc, now)) send_alone(packet);
}

void StreamReceiver::send_reports(Time now, const Send& send) {
  next_report_ = now + kReportInterval;
  const std::vector<rtcp::ReportBlock> blocks = feedback_.reports(now);
  std::vector<std::uint32_t> video;
  double worst_loss = 0;
  for (const rtcp::ReportBlock& block : blocks) {
    worst_loss = std::max(worst_loss, block.fraction_lost / 256.0);
    if (tracks_[feedback_.streams().at(block.ssrc).route.track].feedback.remb) video.push_back(block.ssrc);
  }
  rtcp::Buffer out;
  rtcp::write_receiver_report(out, options_.ssrc, blocks);
  rtcp::write_cname(out, options_.ssrc, "rtpx");
  if (options_.reference_times)
    rtcp::write_reference_time(out, options_.ssrc, rtcp::to_ntp(now.time_since_epoch()));
  if (remb_only_ && !video.empty())
    rtcp::write_remb(out, options_.ssrc, remb_.update(worst_loss, rate_.bits_per_second(now)), video);
  send(out);
  for (Track& track : states_) track.level = std::exchange(track.loudest, kSilent);
}

rtcp::Buffer StreamReceiver::bye() const {
  rtcp::Buffer out;
  rtcp::write_receiver_report(out, options_.ssrc, {});
  rtcp::write_bye(out, options_.ssrc);
  return out;
}

StreamStats StreamReceiver::stats_of(std::uint32_t ssrc, const StreamFeedback::Stream& stream,
                                     Time now) const {
  const auto& rids = tracks_[stream.route.track].track.rids;
  StreamStats out{.ssrc = ssrc, .rid_by_order = stream.route.rid_by_order};
  if (stream.route.rid_index < rids.size()) out.rid = rids[stream.route.rid_index];
  out.packets = stream.packets;
  out.bytes = stream.bytes;
  out.repair_packets = stream.repair_packets;
  out.recovered = stream.nack.recovered();
  out.unrepaired = stream.nack.given_up();
  out.lost = out.recovered + out.unrepaired + stream.nack.missing();
  out.nacks_sent = stream.nacks;
  out.nacks_unanswered = stream.nack.unanswered();
  out.plis_sent = stream.plis;
  out.keyframes = stream.keyframes;
  if (stream.keyframe_distance) out.keyframe_distance_ms = to_ms(*stream.keyframe_distance);
  out.jitter_ms = stream.statistics.jitter_ms();
  out.bits_per_second = stream.rate.bits_per_second(now);
  return out;
}

std::vector<TrackStats> StreamReceiver::stats(Time now) const {
  std::vector<TrackStats> out;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const NegotiatedTrack& negotiated = tracks_[i];
    TrackStats track{.id = negotiated.track.id, .mid = negotiated.mid, .kind = negotiated.track.kind};
    track.codec = codec_name(negotiated.track.codecs, states_[i].payload_type);
    if (states_[i].level_known)
      track.audio_level_dbov = -1.0 * std::min(states_[i].level, states_[i].loudest);
    track.rtcp_packets = states_[i].rtcp_packets;
    out.push_back(std::move(track));
  }
  for (const auto& [ssrc, stream] : feedback_.streams())
    out[stream.route.track].streams.push_back(stats_of(ssrc, stream, now));
  for (const auto& [layer, together] : forgotten_) out[layer.first].streams.push_back(together);
  return out;
}

}  // namespace rtpx
