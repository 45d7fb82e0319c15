#include "ingest/feedback/stream_feedback.hpp"

#include <algorithm>

#include "rtp/codec_roles.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;

constexpr auto kKeyframeInterval = 1s;  // at most one request a second for each SSRC
constexpr std::size_t kNackPerPacket = 200;
// A sender that never offered NACK for its audio may answer all the same, as libwebrtc does; or it never
// does.
constexpr NackGenerator::Patience kNotNegotiated{.requests = 10, .time = 500ms};
constexpr NackGenerator::Patience kNever{.requests = 0, .time = 0ms};
constexpr auto kLayerSilence = 500ms;  // of a layer, while others go on

}  // namespace

StreamFeedback::StreamFeedback(const std::vector<NegotiatedTrack>& tracks, std::uint32_t own_ssrc)
    : tracks_(tracks), own_ssrc_(own_ssrc), types_(tracks.size()) {
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    layers_ |= tracks[i].track.rids.size() > 1;
    for (const Codec& codec : tracks[i].track.codecs) {
      TypeInfo& info = types_[i][codec.payload_type & 127U];
      info = {codec.clock_rate, hint_format(codec.mime_type),
              payload_role(codec.mime_type) == PayloadRole::red};
    }
    for (const Codec& codec : tracks[i].track.codecs)
      if (const auto repaired = associated_payload_type(codec))
        types_[i][codec.payload_type & 127U].format = types_[i][*repaired].format;
  }
}

/// The media in a payload: RED (RFC 2198) taken off where it wraps one block.
StreamFeedback::Hinted StreamFeedback::hinted(std::size_t track, std::uint8_t payload_type,
                                              Bytes payload) const {
  const TypeInfo& info = types_[track][payload_type & 127U];
  if (!info.red) return {info.format, payload};
  if (payload.empty() || (u8(payload.front()) & 0x80U) != 0) return {};
  return {types_[track][u8(payload.front()) & 127U].format, payload.subspan(1)};
}

void StreamFeedback::on_media(const RtpPacket& packet, const Route& route, Time arrival) {
  const auto [found, fresh] = streams_.try_emplace(packet.ssrc);
  Stream& stream = found->second;
  stream.route = route;
  const Hinted media = hinted(route.track, packet.payload_type, packet.payload);
  if (fresh) start(stream, packet, media, arrival);
  ++stream.packets;
  stream.bytes += packet.whole.size();
  stream.said_bye = stream.silence_noticed = stream.reported = false;
  stream.last = std::max(stream.last, arrival);
  stream.rate.add(packet.whole.size(), arrival);
  note_keyframe(stream, packet, media, arrival);
  const auto step =
      stream.statistics.on_packet(packet.sequence_number, packet.timestamp,
                                  types_[route.track][packet.payload_type & 127U].clock_rate, arrival);
  wants_requests_ |= stream.keyframe_wanted;
  if (step == ReceiverStatistics::Step::suspect) return;
  if (step == ReceiverStatistics::Step::restarted) {
    stream.nack.restart();
    stream.first_frame_begins = true;
    stream.keyframe_wanted = !may_begin_keyframe(media.format, media.payload);
  }
  if (stream.nack.on_packet(packet.sequence_number, arrival) == NackGenerator::Arrival::recovered)
    if (const auto sample = stream.nack.take_round_trip()) round_trip_.sample(*sample);
  if (!stream.first_frame_begins) look_for_beginning(stream, packet.sequence_number, media, arrival);
  wants_requests_ |= stream.keyframe_wanted || stream.nack.busy();
}

void StreamFeedback::start(Stream& stream, const RtpPacket& packet, const Hinted& media, Time arrival) const {
  const NegotiatedTrack& track = tracks_[stream.route.track];
  const bool video = track.track.kind == MediaKind::video;
  if (!track.feedback.nack) stream.nack = NackGenerator(video ? kNever : kNotNegotiated);
  stream.keyframe_wanted = video && !may_begin_keyframe(media.format, media.payload);
  if (!video || !track.feedback.nack || packet.payload.empty() ||
      may_begin_frame(media.format, media.payload))
    return;
  stream.first_frame_begins = false;
  stream.last = arrival;
}

/// The packet is the first, or one that came before it and was asked for. What lies between the beginning and the
/// first has been asked for already.
void StreamFeedback::look_for_beginning(Stream& stream, std::uint16_t sequence, const Hinted& media,
                                        Time arrival) {
  if (may_begin_frame(media.format, media.payload)) {
    stream.nack.begin_at(sequence);
    stream.first_frame_begins = true;
    return;
  }
  stream.nack.want_before(sequence, arrival);
  stream.first_frame_begins = !stream.nack.wants_before();
}

/// One keyframe may begin in several packets: SPS, PPS, slices.
void StreamFeedback::note_keyframe(Stream& stream, const RtpPacket& packet, const Hinted& media,
                                   Time arrival) {
  if (!may_begin_keyframe(media.format, media.payload)) return;
  if (stream.keyframes > 0 && stream.keyframe_timestamp == packet.timestamp) return;
  if (stream.keyframes++ > 0) stream.keyframe_distance = arrival - stream.last_keyframe;
  stream.keyframe_timestamp = packet.timestamp;
  stream.last_keyframe = arrival;
}

void StreamFeedback::on_repair(const RtpPacket& packet, const Route& route, std::uint32_t media,
                               Time arrival) {
  const auto found = streams_.find(media);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  ++stream.repair_packets;
  stream.rate.add(packet.whole.size(), arrival);
  if (route.role != StreamRole::rtx || packet.payload.size() < 2) return;  // a probe may be padding only
  const auto original = load_be<std::uint16_t>(packet.payload.data());
  if (!stream.nack.on_retransmission(original, arrival)) return;
  wants_requests_ = true;
  if (const auto sample = stream.nack.take_round_trip()) round_trip_.sample(*sample);
  if (!stream.first_frame_begins)
    look_for_beginning(stream, original, hinted(route.track, packet.payload_type, packet.payload.subspan(2)),
                       arrival);
}

void StreamFeedback::on_rtcp(const RtcpSummary& summary, Time arrival) {
  for (const SenderReport& report : summary.sender_reports)
    if (const auto found = streams_.find(report.ssrc); found != streams_.end())
      found->second.statistics.on_sender_report(report.ntp, arrival);
  for (const std::uint32_t ssrc : summary.byes)
    if (const auto found = streams_.find(ssrc); found != streams_.end()) found->second.said_bye = true;
}

bool StreamFeedback::all_said_bye() const noexcept {
  return !streams_.empty() &&
         std::ranges::all_of(streams_, [](const auto& one) { return one.second.said_bye; });
}

std::optional<StreamFeedback::Stream> StreamFeedback::forget(std::uint32_t ssrc) {
  auto node = streams_.extract(ssrc);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

void StreamFeedback::request_keyframes() {
  wants_requests_ = true;
  for (auto& [ssrc, stream] : streams_) stream.keyframe_wanted |= !stream.said_bye;
}

std::vector<StreamFeedback::Request> StreamFeedback::requests(Time now) {
  std::vector<Request> out;
  if (layers_) watch_layers(now);
  wants_requests_ = false;
  for (auto& [ssrc, stream] : streams_) {
    if (stream.nack.busy()) request_packets(ssrc, stream, now, out);
    stream.keyframe_wanted |= stream.nack.take_keyframe_wish();
    if (stream.keyframe_wanted) request_keyframe(ssrc, stream, now, out);
    wants_requests_ |= stream.keyframe_wanted || stream.nack.busy();
  }
  return out;
}

void StreamFeedback::request_packets(std::uint32_t ssrc, Stream& stream, Time now,
                                     std::vector<Request>& out) {
  const NegotiatedTrack& track = tracks_[stream.route.track];
  const auto due = stream.nack.due(now, round_trip_.planned());
  for (std::size_t at = 0; at < due.size(); at += kNackPerPacket) {
    const auto part = std::span(due).subspan(at, std::min(kNackPerPacket, due.size() - at));
    Request& request = out.emplace_back(Request{stream.route.track, {}, false});
    rtcp::write_nack(request.packet, own_ssrc_, ssrc, part);
    // Where reduced-size RTCP was not agreed on, both ways are tried in turn: FFmpeg's WHIP understands a
    // NACK only alone, whatever it announces.
    request.alone = track.feedback.reduced_size || stream.nack_datagrams % 2 == 1;
    ++stream.nack_datagrams;
    stream.nacks += part.size();
  }
}

/// When the best layer falls silent, the next has to stand in for it, from a keyframe on.
void StreamFeedback::watch_layers(Time now) {
  for (std::size_t track = 0; track < tracks_.size(); ++track) {
    if (tracks_[track].track.rids.size() < 2) continue;
    Stream *best = nullptr, *next = nullptr;
    for (auto& [ssrc, stream] : streams_) {
      if (stream.route.track != track || stream.said_bye) continue;
      if (now - stream.last < kLayerSilence / 2) {
        stream.usual_rate = std::max(stream.usual_rate / 1000 * 999, stream.rate.bits_per_second(now));
        if (next == nullptr || stream.usual_rate > next->usual_rate) next = &stream;
      }
      if (!stream.silence_noticed && (best == nullptr || stream.usual_rate > best->usual_rate))
        best = &stream;
    }
    if (best == nullptr || next == nullptr || best == next || now - best->last < kLayerSilence) continue;
    best->silence_noticed = true;
    next->keyframe_wanted = true;
    next->last_keyframe_request = {};
  }
}

void StreamFeedback::want_keyframes(Time now, std::chrono::nanoseconds apart) {
  wants_requests_ = true;
  for (auto& [ssrc, stream] : streams_)
    if (tracks_[stream.route.track].track.kind == MediaKind::video && now - stream.last_keyframe >= apart &&
        now - stream.last_keyframe_request >= apart)
      stream.keyframe_wanted = true;
}

void StreamFeedback::request_keyframe(std::uint32_t ssrc, Stream& stream, Time now,
                                      std::vector<Request>& out) {
  const NegotiatedTrack& track = tracks_[stream.route.track];
  if (track.track.kind == MediaKind::audio || (!track.feedback.pli && !track.feedback.fir)) {
    stream.keyframe_wanted = false;
    return;
  }
  if (stream.plis > 0 && now - stream.last_keyframe_request < kKeyframeInterval) return;
  stream.keyframe_wanted = false;
  stream.last_keyframe_request = now;
  ++stream.plis;
  Request& request = out.emplace_back(Request{stream.route.track, {}, track.feedback.reduced_size});
  if (track.feedback.pli)
    rtcp::write_pli(request.packet, own_ssrc_, ssrc);
  else
    rtcp::write_fir(request.packet, own_ssrc_, ssrc, stream.fir_number++);
}

std::vector<rtcp::ReportBlock> StreamFeedback::reports(Time now) {
  std::vector<rtcp::ReportBlock> out;
  for (auto& [ssrc, stream] : streams_) {  // RFC 3550 section 6.4: of what was heard of since the last report
    if (stream.reported || !stream.statistics.started() || out.size() >= rtcp::kMaxReportBlocks) continue;
    stream.reported = true;
    out.push_back(stream.statistics.report(ssrc, now));
  }
  return out;
}

}  // namespace rtpx
