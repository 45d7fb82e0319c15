#include "ingest/feedback/stream_feedback.hpp"

#include <algorithm>

namespace rtpx {
namespace {

using namespace std::chrono_literals;

constexpr auto kKeyframeInterval = 1s;  // at most one request a second for each SSRC
constexpr std::size_t kNackPerPacket = 200;

}  // namespace

StreamFeedback::StreamFeedback(const std::vector<NegotiatedTrack>& tracks, std::uint32_t own_ssrc)
    : tracks_(tracks), own_ssrc_(own_ssrc), clock_rates_(tracks.size()) {
  for (std::size_t i = 0; i < tracks.size(); ++i)
    for (const Codec& codec : tracks[i].track.codecs)
      clock_rates_[i][codec.payload_type & 127U] = codec.clock_rate;
}

void StreamFeedback::on_media(const RtpPacket& packet, const Route& route, Time arrival) {
  const auto [found, fresh] = streams_.try_emplace(packet.ssrc);
  Stream& stream = found->second;
  if (fresh) stream.route = route;
  ++stream.packets;
  stream.bytes += packet.whole.size();
  stream.said_bye = false;
  stream.rate.add(packet.whole.size(), arrival);
  const auto step = stream.statistics.on_packet(packet.sequence_number, packet.timestamp,
                                                clock_rates_[route.track][packet.payload_type], arrival);
  if (step == ReceiverStatistics::Step::suspect) return;
  if (step == ReceiverStatistics::Step::restarted) {
    stream.nack.restart();
    stream.keyframe_wanted = true;
  }
  if (stream.nack.on_packet(packet.sequence_number, arrival) == NackGenerator::Arrival::recovered)
    if (const auto sample = stream.nack.take_round_trip()) round_trip_.sample(*sample);
}

void StreamFeedback::on_repair(const RtpPacket& packet, const Route& route, std::uint32_t media,
                               Time arrival) {
  const auto found = streams_.find(media);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  ++stream.repair_packets;
  stream.rate.add(packet.whole.size(), arrival);
  if (route.role != StreamRole::rtx || packet.payload.size() < 2) return;  // a probe may be padding only
  if (stream.nack.on_retransmission(load_be<std::uint16_t>(packet.payload.data()), arrival))
    if (const auto sample = stream.nack.take_round_trip()) round_trip_.sample(*sample);
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

std::vector<rtcp::Buffer> StreamFeedback::requests(const rtcp::Buffer& head, Time now) {
  std::vector<rtcp::Buffer> out;
  rtcp::Buffer keyframes = head;
  for (auto& [ssrc, stream] : streams_) {
    if (stream.nack.missing() > 0) request_packets(ssrc, stream, head, now, out);
    stream.keyframe_wanted |= stream.nack.take_keyframe_wish();
    if (stream.keyframe_wanted) request_keyframe(ssrc, stream, now, keyframes);
  }
  if (keyframes.size() > head.size()) out.push_back(std::move(keyframes));
  return out;
}

void StreamFeedback::request_packets(std::uint32_t ssrc, Stream& stream, const rtcp::Buffer& head, Time now,
                                     std::vector<rtcp::Buffer>& out) {
  const NegotiatedTrack& track = tracks_[stream.route.track];
  const auto due = stream.nack.due(now, round_trip_.planned());
  // Chromium resends audio although NACK was not negotiated for it.
  if (!track.nack && track.track.kind != MediaKind::audio) return;
  for (std::size_t at = 0; at < due.size(); at += kNackPerPacket) {
    const auto part = std::span(due).subspan(at, std::min(kNackPerPacket, due.size() - at));
    rtcp::write_nack(out.emplace_back(head), own_ssrc_, ssrc, part);
    stream.nacks += part.size();
  }
}

void StreamFeedback::request_keyframe(std::uint32_t ssrc, Stream& stream, Time now, rtcp::Buffer& out) {
  const NegotiatedTrack& track = tracks_[stream.route.track];
  if (track.track.kind == MediaKind::audio || (!track.pli && !track.fir)) {
    stream.keyframe_wanted = false;
    return;
  }
  if (stream.plis > 0 && now - stream.last_keyframe_request < kKeyframeInterval) return;
  stream.keyframe_wanted = false;
  stream.last_keyframe_request = now;
  ++stream.plis;
  if (track.pli)
    rtcp::write_pli(out, own_ssrc_, ssrc);
  else
    rtcp::write_fir(out, own_ssrc_, ssrc, stream.fir_number++);
}

std::vector<rtcp::ReportBlock> StreamFeedback::reports(Time now) {
  std::vector<rtcp::ReportBlock> out;
  for (auto& [ssrc, stream] : streams_)
    if (stream.statistics.started() && out.size() < rtcp::kMaxReportBlocks)
      out.push_back(stream.statistics.report(ssrc, now));
  return out;
}

}  // namespace rtpx
