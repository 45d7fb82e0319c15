#include "ingest/capture/source_table.hpp"

#include <algorithm>

#include "rtp/rtcp.hpp"

namespace rtpx::capture {
namespace {

constexpr int kNear =
    3000;  // numbers within it of each other belong together (RFC 3550 section A.1: MAX_DROPOUT)
constexpr int kNearRepair = 1000;
constexpr std::chrono::seconds kSilence(1);
constexpr std::size_t kMaxSteps = 64;
constexpr std::size_t kMaxRepaired = 512;  // sources looked at for each RTX packet

int distance(std::uint16_t from, std::uint16_t to) {
  return std::abs(static_cast<std::int16_t>(static_cast<std::uint16_t>(to - from)));
}

void learn(const RtpPacket& packet, std::optional<std::uint8_t> id, std::string& text) {
  if (!id || !text.empty()) return;
  if (const auto value = find_extension(packet, *id)) text = as_text(*value);
}

template <typename Map>
typename Map::key_type most_frequent(const Map& map) {
  return std::ranges::max_element(map, {}, [](const auto& entry) { return entry.second; })->first;
}

/// Ports of protocols whose packets may begin with RTP's version by chance.
bool other_protocol(std::uint16_t port) {
  return port != 0 && port < 1024;
}

}  // namespace

std::uint8_t Source::main_payload_type() const {
  return payload_types.empty() ? 0 : most_frequent(payload_types);
}

/// Video frames take several packets; audio packets are small or advance by whole milliseconds of a usual
/// rate.
MediaKind Source::guess_kind() const {
  if (packets == 0 || payload_bytes / packets <= 8)
    return MediaKind::audio;  // telephone-event, comfort noise
  if (same_timestamp * 20 > packets) return MediaKind::video;
  if (timestamp_steps.empty()) return payload_bytes / packets > 400 ? MediaKind::video : MediaKind::audio;
  const std::uint32_t step = most_frequent(timestamp_steps);
  return step <= 2880 && step % 80 == 0 ? MediaKind::audio : MediaKind::video;
}

std::uint32_t Source::guess_clock_rate() const {
  if (guess_kind() == MediaKind::video) return 90000;
  const std::uint32_t step = timestamp_steps.empty() ? 960 : most_frequent(timestamp_steps);
  return step <= 480 ? 8000 : 48000;  // 10 to 60 ms of audio a packet
}

/// The source that a packet belongs to, made when there is none yet; nullopt when there are too many.
std::optional<std::size_t> SourceTable::place(const Datagram& datagram, const RtpPacket& packet) {
  const Key key(packet.ssrc, datagram.source, datagram.destination);
  if (const auto known = places_.find(key); known != places_.end()) return known->second;
  if (places_.size() == kMaxSources) return std::nullopt;
  const auto [first, last] = by_ssrc_.equal_range(packet.ssrc);
  for (auto at = first; at != last; ++at) {
    const Source& other = sources_[at->second];
    const bool goes_on = distance(other.last_sequence, packet.sequence_number) <= kNear;
    const bool silent = datagram.time && *datagram.time - other.last_time > kSilence;
    if (!goes_on && !silent) continue;
    places_.emplace(key, at->second);
    return at->second;
  }
  Source source;
  source.ssrc = packet.ssrc;
  source.source = datagram.source;
  source.destination = datagram.destination;
  sources_.push_back(std::move(source));
  places_.emplace(key, sources_.size() - 1);
  by_ssrc_.emplace(packet.ssrc, sources_.size() - 1);
  return sources_.size() - 1;
}

void SourceTable::add_rtp(const Datagram& datagram, const RtpPacket& packet) {
  const auto index = place(datagram, packet);
  if (!index) return;
  Source& source = sources_[*index];
  if (source.packets > 0) {
    if (distance(source.last_sequence, packet.sequence_number) <= kNear) ++source.following;
    const std::uint32_t step = packet.timestamp - source.last_timestamp;
    if (step == 0)
      ++source.same_timestamp;
    else if (source.timestamp_steps.size() < kMaxSteps || source.timestamp_steps.contains(step))
      ++source.timestamp_steps[step];
  }
  ++source.packets;
  ++source.payload_types[packet.payload_type];
  source.payload_bytes += packet.payload.size();
  source.last_sequence = packet.sequence_number;
  source.last_timestamp = packet.timestamp;
  source.last_time = datagram.time.value_or(source.last_time);
  learn(packet, hints_.mid, source.mid);
  learn(packet, hints_.rid, source.rid);
  learn(packet, hints_.repaired_rid, source.repaired_rid);
  note_repair(packet, source);
}

/// RTX packets begin with the original sequence number (RFC 4588 section 4): it is near that of the source
/// that is repaired. FlexFEC draft-03 names the SSRC that it protects after eight bytes and a count of one.
void SourceTable::note_repair(const RtpPacket& packet, Source& source) {
  if (hints_.flexfec_03.contains(packet.payload_type)) {
    ByteReader in(packet.payload);
    in.skip(8);
    const std::uint8_t count = in.u8();
    in.skip(3);
    const std::uint32_t ssrc = in.u32();
    if (in.ok() && count == 1) source.protects.insert(ssrc);
    return;
  }
  const auto rtx = hints_.rtx.find(packet.payload_type);
  if (rtx == hints_.rtx.end() || packet.payload.size() < 2) return;
  const auto original = load_be<std::uint16_t>(packet.payload.data());
  for (std::size_t i = 0; i < std::min(sources_.size(), kMaxRepaired); ++i) {
    const Source& other = sources_[i];
    if (&other == &source || !rtx->second.contains(other.main_payload_type())) continue;
    if (other.source != source.source || other.destination != source.destination) continue;
    if (distance(other.last_sequence, original) <= kNearRepair) ++source.repairs[i];
  }
}

void SourceTable::add_rtcp(const Datagram& datagram) {
  for (const SourceName& name : parse_rtcp(datagram.payload).names)
    for (const std::size_t index : find_all(datagram, name.ssrc))
      if (sources_[index].cname.empty()) sources_[index].cname = name.cname;
}

void SourceTable::finish(bool network) {
  if (!network) return;
  for (Source& source : sources_) {
    const bool protocol_port = other_protocol(source.source.port) || other_protocol(source.destination.port);
    const bool steady = source.packets >= 2 && source.following * 2 >= source.packets - 1;
    const std::uint8_t type = source.main_payload_type();
    const bool plausible_type = type <= 34 || type >= 96;
    source.rtp = steady ? !protocol_port || source.packets >= 10
                        : source.packets == 1 && plausible_type && !protocol_port;
  }
}

std::optional<std::size_t> SourceTable::find(const Datagram& datagram, std::uint32_t ssrc) const {
  const auto at = places_.find(Key(ssrc, datagram.source, datagram.destination));
  return at == places_.end() ? std::nullopt : std::optional(at->second);
}

std::vector<std::size_t> SourceTable::find_all(const Datagram& datagram, std::uint32_t ssrc) const {
  std::vector<std::size_t> all, near;
  const auto [first, last] = by_ssrc_.equal_range(ssrc);
  for (auto at = first; at != last; ++at) {
    all.push_back(at->second);
    if (sources_[at->second].source.address == datagram.source.address) near.push_back(at->second);
  }
  return near.empty() ? all : near;
}

std::vector<std::size_t> SourceTable::find_flow(const Datagram& datagram) const {
  if (datagram.source.port == 0) return {};
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < std::min(sources_.size(), kMaxRepaired); ++i) {
    Endpoint source = sources_[i].source, destination = sources_[i].destination;
    const bool same = source == datagram.source && destination == datagram.destination;
    ++source.port, ++destination.port;
    if (same || (source == datagram.source && destination == datagram.destination)) out.push_back(i);
  }
  return out;
}

RtcpSubjects rtcp_subjects(Bytes compound) {
  constexpr std::uint8_t kSenderReport = 200, kReceiverReport = 201, kDescription = 202, kBye = 203,
                         kFeedback = 205, kPayloadFeedback = 206;
  constexpr std::size_t kSenderInfo = 20, kReportBlock = 24;
  RtcpSubjects out;
  ByteReader in(compound);
  while (in.remaining() >= 8) {
    const unsigned count = in.u8() & 0x1FU;
    const std::uint8_t type = in.u8();
    ByteReader body(in.take(std::min<std::size_t>(4 * std::size_t{in.u16()}, in.remaining())));
    if (body.remaining() < 4) continue;
    if (type == kBye) {
      for (unsigned i = 0; i < count && body.remaining() >= 4; ++i) out.senders.push_back(body.u32());
      continue;
    }
    out.senders.push_back(body.u32());  // of SDES: the first chunk's
    if (type == kDescription) continue;
    if (type == kFeedback || type == kPayloadFeedback) out.reported.push_back(body.u32());
    if (type == kSenderReport) body.skip(kSenderInfo);
    if (type != kSenderReport && type != kReceiverReport) continue;
    for (unsigned i = 0; i < count && body.remaining() >= kReportBlock; ++i) {
      out.reported.push_back(body.u32());
      body.skip(kReportBlock - 4);
    }
  }
  return out;
}

}  // namespace rtpx::capture
