#include "ingest/webrtc/session.hpp"

#include <algorithm>
#include <array>

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
constexpr auto kByePatience = 1s;  // a sender that reconfigures says BYE and goes on with new SSRCs
constexpr std::size_t kMinRtp = 12, kMinRtcp = 8;
constexpr std::uint8_t kSilent = 127;

/// The mime type of a payload type; for RED, which wraps another codec, that of the preferred media codec.
std::string codec_name(const std::vector<Codec>& codecs, std::uint8_t payload_type) {
  const auto found = std::ranges::find(codecs, payload_type, &Codec::payload_type);
  if (found == codecs.end()) return {};
  return found->mime_type.ends_with("/red") ? codecs.front().mime_type : found->mime_type;
}

}  // namespace

const char* to_string(SessionEnd reason) noexcept {
  switch (reason) {
    case SessionEnd::closed:
      return "closed";
    case SessionEnd::close_notify:
      return "close_notify";
    case SessionEnd::bye:
      return "bye";
    case SessionEnd::silence:
      return "silence";
    case SessionEnd::never_connected:
      return "never_connected";
    case SessionEnd::dtls_failed:
      return "dtls_failed";
    case SessionEnd::wrong_fingerprint:
      return "wrong_fingerprint";
    case SessionEnd::shutdown:
      return "shutdown";
  }
  return "unknown";
}

Session::Session(Config config, Negotiation negotiation, std::shared_ptr<DtlsContext> dtls,
                 std::shared_ptr<PacketSink> sink, std::function<void(Bytes)> send, Time now)
    : config_(std::move(config)),
      negotiation_(std::move(negotiation)),
      sink_(std::move(sink)),
      send_(std::move(send)),
      dtls_(std::move(dtls), Dtls::Role::server, negotiation_.fingerprints,
            [this](Bytes out) { send_(out); }),
      demux_(negotiation_.tracks, config_.max_ssrcs),
      feedback_(negotiation_.tracks, config_.ssrc),
      tracks_(negotiation_.tracks.size()),
      limit_(config_.max_bits_per_second + config_.max_bits_per_second / 2),
      started_(now),
      last_valid_(now) {
  bool any_transport_cc = false;
  for (const NegotiatedTrack& track : negotiation_.tracks) {
    any_transport_cc |= track.transport_cc;
    remb_only_ |= track.remb;
    reduced_size_ &= track.reduced_size;
    if (track.transport_cc && track.extensions.transport_cc != 0)
      transport_cc_id_ = track.extensions.transport_cc;
  }
  remb_only_ &= !any_transport_cc;
}

void Session::on_dtls(Bytes datagram, Time now) {
  if (ended_) return;
  dtls_.receive(datagram);
  if (dtls_.state() == Dtls::State::connected && !inbound_) on_connected(now);
  check_ends(now);
}

void Session::on_connected(Time now) {
  auto inbound = Srtp::create(dtls_.remote_keys(), Srtp::Direction::receive);
  auto outbound = Srtp::create(dtls_.local_keys(), Srtp::Direction::send);
  if (!inbound || !outbound) {
    close(SessionEnd::dtls_failed);
    return;
  }
  inbound_ = *std::move(inbound);
  outbound_ = *std::move(outbound);
  connected_at_ = last_valid_ = now;
  next_report_ = now + 200ms;
}

/// Unauthenticated bytes must not make libsrtp or us keep state; an authenticated sender only so much of it.
bool Session::may_decrypt(Bytes datagram, bool rtcp, Time arrival) {
  if (datagram.size() < (rtcp ? kMinRtcp : kMinRtp)) return false;
  if (!limit_.allows(datagram.size(), arrival)) {
    ++over_limit_;
    return false;
  }
  if (rtcp) return true;
  const auto ssrc = load_be<std::uint32_t>(datagram.data() + 8);
  if (demux_.find(ssrc) != nullptr || unrouted_.contains(ssrc) || unrouted_.size() < config_.max_ssrcs)
    return true;
  ++unknown_stream_;
  return false;
}

void Session::on_srtp(std::span<std::byte> datagram, Time arrival) {
  if (!inbound_ || ended_) return;
  const bool rtcp = looks_like_rtcp(datagram);
  if (!may_decrypt(datagram, rtcp, arrival)) return;
  Srtp::Failure why = Srtp::Failure::none;
  const auto plain = rtcp ? inbound_.unprotect_rtcp(datagram, why) : inbound_.unprotect_rtp(datagram, why);
  if (!plain) {
    ++(why == Srtp::Failure::replayed ? replayed_ : undecryptable_);
    return;
  }
  last_valid_ = std::max(last_valid_, arrival);
  ++packets_;
  bytes_ += plain->size();
  rate_.add(plain->size(), arrival);
  if (rtcp)
    on_rtcp(*plain, arrival);
  else
    on_rtp(*plain, arrival);
}

void Session::on_rtp(Bytes bytes, Time arrival) {
  const auto packet = parse_rtp(bytes);
  if (!packet) return;
  if (transport_cc_id_ != 0) {
    if (const auto value = find_extension(*packet, transport_cc_id_); value && value->size() >= 2) {
      transport_cc_.on_packet(load_be<std::uint16_t>(value->data()), arrival);
      transport_cc_media_ = packet->ssrc;
    }
  }
  if (const Route* const route = demux_.find(packet->ssrc)) {
    deliver(*packet, *route, arrival);
    return;
  }
  unrouted_.insert(packet->ssrc);
  Demux::Learned learned = demux_.learn(*packet);
  if (learned == Demux::Learned::rid_later) {
    if (waiting_.size() < kMaxWaiting) {
      waiting_.push_back({{bytes.begin(), bytes.end()}, arrival});
      return;
    }
    learned = demux_.settle(*packet);
  }
  if (learned != Demux::Learned::route) {
    ++unknown_stream_;
    return;
  }
  unrouted_.erase(packet->ssrc);
  release_waiting(packet->ssrc);
  deliver(*packet, *demux_.find(packet->ssrc), arrival);
}

/// The SSRC is known now: what waited for it goes to the sink, oldest first.
void Session::release_waiting(std::uint32_t ssrc) {
  const auto others = std::ranges::stable_partition(
      waiting_, [&](const Waiting& one) { return load_be<std::uint32_t>(one.packet.data() + 8) == ssrc; });
  std::vector<Waiting> ready(std::make_move_iterator(waiting_.begin()),
                             std::make_move_iterator(others.begin()));
  waiting_.erase(waiting_.begin(), others.begin());
  for (const Waiting& one : ready)
    if (const auto packet = parse_rtp(one.packet)) deliver(*packet, *demux_.find(ssrc), one.arrival);
  std::erase_if(waiting_rtcp_, [&](const Waiting& one) { return deliver_rtcp(one.packet, one.arrival); });
}

void Session::settle_waiting(Time now) {
  while (!waiting_.empty() && now - waiting_.front().arrival > kRidPatience) {
    const auto packet = parse_rtp(waiting_.front().packet);
    if (packet && demux_.settle(*packet) == Demux::Learned::route) {
      unrouted_.erase(packet->ssrc);
      release_waiting(packet->ssrc);
    } else {
      ++unknown_stream_;
      waiting_.erase(waiting_.begin());
    }
  }
}

void Session::deliver(const RtpPacket& packet, const Route& route, Time arrival) {
  bye_at_.reset();
  if (sink_) sink_->on_rtp(route.track, route.rid_index, packet.whole, arrival);
  if (route.role == StreamRole::media) {
    Track& track = tracks_[route.track];
    track.payload_type = packet.payload_type;
    if (const std::uint8_t id = negotiation_.tracks[route.track].extensions.audio_level; id != 0)
      on_audio_level(track, packet, id);
    feedback_.on_media(packet, route, arrival);
  } else {
    const std::uint32_t media =
        route.media != 0 ? route.media : demux_.media_of(route.track, route.rid_index);
    feedback_.on_repair(packet, route, media, arrival);
  }
}

/// RFC 6464 section 3.
void Session::on_audio_level(Track& track, const RtpPacket& packet, std::uint8_t id) {
  const auto value = find_extension(packet, id);
  if (!value || value->empty()) return;
  const auto level = static_cast<std::uint8_t>(static_cast<std::uint8_t>(value->front()) & 0x7FU);
  track.loudest = std::min(track.loudest, level);
  track.level_known = true;
}

void Session::on_rtcp(Bytes compound, Time arrival) {
  const auto now_middle = static_cast<std::uint32_t>(rtcp::to_ntp(arrival.time_since_epoch()) >> 16);
  for (const rtcp::Block& block : rtcp::split(compound))
    if (const auto sample = rtcp::read_round_trip(block, config_.ssrc, now_middle))
      feedback_.on_round_trip(*sample);
  if (deliver_rtcp(compound, arrival)) return;
  if (waiting_rtcp_.size() == kMaxWaitingRtcp) {
    waiting_rtcp_.erase(waiting_rtcp_.begin());
    ++unknown_stream_;
  }
  waiting_rtcp_.push_back({{compound.begin(), compound.end()}, arrival});
}

/// Hands a compound to each track that it is about. False: its SSRCs are not known yet.
bool Session::deliver_rtcp(Bytes compound, Time arrival) {
  std::vector<std::size_t> about;
  for (const std::uint32_t ssrc : rtcp::senders(compound)) {
    const Route* const route = demux_.find(ssrc);
    if (route != nullptr && std::ranges::find(about, route->track) == about.end())
      about.push_back(route->track);
  }
  if (about.empty() && tracks_.size() == 1) about.push_back(0);
  if (about.empty()) return false;
  for (const std::size_t track : about) {
    ++tracks_[track].rtcp_packets;
    if (sink_) sink_->on_rtcp(track, compound, arrival);
  }
  const RtcpSummary summary = parse_rtcp(compound);
  feedback_.on_rtcp(summary, arrival);
  if (!summary.byes.empty() && feedback_.all_said_bye()) bye_at_ = arrival;
  return true;
}

void Session::tick(Time now) {
  if (ended_) return;
  if (!connected()) {
    if (const auto left = dtls_.next_timer(); left && *left <= 0us) dtls_.on_timer();
  } else {
    settle_waiting(now);
    for (rtcp::Buffer& request : feedback_.requests(begin_feedback(), now)) send_rtcp(request);
    if (transport_cc_.pending() && now >= next_transport_cc_) send_transport_cc(now);
    if (now >= next_report_) send_reports(now);
  }
  check_ends(now);
}

/// What precedes feedback where reduced-size RTCP (RFC 5506) was not negotiated.
rtcp::Buffer Session::begin_feedback() const {
  rtcp::Buffer out;
  if (!reduced_size_) {
    rtcp::write_receiver_report(out, config_.ssrc, {});
    rtcp::write_cname(out, config_.ssrc, "rtpx");
  }
  return out;
}

void Session::send_transport_cc(Time now) {
  next_transport_cc_ = now + (now - connected_at_ < kEarly ? kTransportCcEarly : kTransportCcInterval);
  rtcp::Buffer packets;
  transport_cc_.write(packets, config_.ssrc, transport_cc_media_);
  for (Bytes rest = packets; rest.size() >= 4;) {  // one datagram each
    const std::size_t size = 4U * (load_be<std::uint16_t>(rest.data() + 2) + 1U);
    rtcp::Buffer out = begin_feedback();
    out.insert(out.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
    send_rtcp(out);
    rest = rest.subspan(size);
  }
}

void Session::send_reports(Time now) {
  next_report_ = now + kReportInterval;
  const std::vector<rtcp::ReportBlock> blocks = feedback_.reports(now);
  std::vector<std::uint32_t> video;
  double worst_loss = 0;
  for (const rtcp::ReportBlock& block : blocks) {
    worst_loss = std::max(worst_loss, block.fraction_lost / 256.0);
    if (negotiation_.tracks[feedback_.streams().at(block.ssrc).route.track].remb) video.push_back(block.ssrc);
  }
  rtcp::Buffer out;
  rtcp::write_receiver_report(out, config_.ssrc, blocks);
  rtcp::write_cname(out, config_.ssrc, "rtpx");
  rtcp::write_reference_time(out, config_.ssrc, rtcp::to_ntp(now.time_since_epoch()));
  if (remb_only_ && !video.empty())
    rtcp::write_remb(out, config_.ssrc, remb_.update(worst_loss, rate_.bits_per_second(now)), video);
  send_rtcp(out);
  for (Track& track : tracks_) track.level = std::exchange(track.loudest, kSilent);
}

void Session::send_rtcp(rtcp::Buffer& compound) {
  scratch_.assign(compound.begin(), compound.end());
  scratch_.resize(compound.size() + Srtp::kOverhead);
  if (const auto cipher = outbound_.protect_rtcp(scratch_, compound.size())) {
    send_(*cipher);
    ++feedback_sent_;
  }
}

void Session::close(SessionEnd reason) {
  if (ended_) return;
  if (connected()) {
    rtcp::Buffer out;
    rtcp::write_receiver_report(out, config_.ssrc, {});
    rtcp::write_bye(out, config_.ssrc);
    send_rtcp(out);
  }
  dtls_.close();
  ended_ = reason;
}

void Session::check_ends(Time now) {
  if (ended_) return;
  switch (dtls_.state()) {
    case Dtls::State::closed:
      ended_ = SessionEnd::close_notify;
      return;
    case Dtls::State::failed:
      ended_ = SessionEnd::dtls_failed;
      return;
    case Dtls::State::wrong_fingerprint:
      ended_ = SessionEnd::wrong_fingerprint;
      return;
    case Dtls::State::handshaking:
      if (now - started_ > config_.connect_timeout) ended_ = SessionEnd::never_connected;
      return;
    case Dtls::State::connected:
      break;
  }
  if (now - last_valid_ > config_.silence_timeout) close(SessionEnd::silence);
  if (bye_at_ && now - *bye_at_ > kByePatience) close(SessionEnd::bye);
}

SessionStats Session::stats(Time now) const {
  const auto ms = [](auto duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
  };
  SessionStats out{.id = config_.id, .connected = connected()};
  out.age = ms(now - started_);
  out.silent_for = ms(std::max(now - last_valid_, Time::duration::zero()));
  if (const auto rtt = feedback_.round_trip().smoothed())
    out.rtt_ms = std::chrono::duration<double, std::milli>(*rtt).count();
  out.packets = packets_;
  out.bytes = bytes_;
  out.bits_per_second = rate_.bits_per_second(now);
  out.undecryptable = undecryptable_;
  out.replayed = replayed_;
  out.unknown_stream = unknown_stream_;
  out.over_limit = over_limit_;
  for (std::size_t i = 0; i < tracks_.size(); ++i) {
    const NegotiatedTrack& negotiated = negotiation_.tracks[i];
    TrackStats track{.id = negotiated.track.id, .mid = negotiated.mid, .kind = negotiated.track.kind};
    track.codec = codec_name(negotiated.track.codecs, tracks_[i].payload_type);
    if (tracks_[i].level_known)
      track.audio_level_dbov = -1.0 * std::min(tracks_[i].level, tracks_[i].loudest);
    track.rtcp_packets = tracks_[i].rtcp_packets;
    out.tracks.push_back(std::move(track));
  }
  for (const auto& [ssrc, stream] : feedback_.streams()) {
    const auto& rids = negotiation_.tracks[stream.route.track].track.rids;
    StreamStats one{.ssrc = ssrc, .packets = stream.packets, .bytes = stream.bytes};
    if (stream.route.rid_index < rids.size()) one.rid = rids[stream.route.rid_index];
    one.repair_packets = stream.repair_packets;
    one.recovered = stream.nack.recovered();
    one.unrepaired = stream.nack.given_up();
    one.lost = one.recovered + one.unrepaired + stream.nack.missing();
    one.nacks_sent = stream.nacks;
    one.plis_sent = stream.plis;
    one.jitter_ms = stream.statistics.jitter_ms();
    one.bits_per_second = stream.rate.bits_per_second(now);
    out.tracks[stream.route.track].streams.push_back(std::move(one));
  }
  return out;
}

}  // namespace rtpx
