#include "ingest/capture/source_table.hpp"

#include <algorithm>
#include <numeric>

#include "rtp/rtcp.hpp"

namespace rtpx::capture {
namespace {

constexpr int kNear =
    3000;  // numbers within it of each other belong together (RFC 3550 section A.1: MAX_DROPOUT)
constexpr int kNext = 100;  // within it of one far from all others, a packet shows that a run has begun there
constexpr int kNearRepair = 1000;
constexpr std::size_t kTinyPayload = 8;  // bytes: telephone events, comfort noise, DTX
constexpr std::uint64_t kManyPackets = 50;  // so many tell by fewer of them that there is a run
constexpr std::uint64_t kPacketsOfACall = 10;
constexpr std::size_t kLonelyOnes = 4;  // sources of one packet beside a call: more of them are other traffic
constexpr std::chrono::seconds kSilence(1);
constexpr std::size_t kMaxSteps = 64;
constexpr std::size_t kMaxRepaired = 512;  // sources looked at for each RTX packet

constexpr int kMostCompared = 16;  // sources of one SSRC that a packet is held against
constexpr int kInterleaved = 64;   // so near are the numbers of packets that take turns on two paths

/// FNV-1a of what a copy cannot change.
std::uint32_t content_of(const RtpPacket& packet) {
  std::uint32_t hash = 2166136261U ^ packet.timestamp ^ (packet.marker ? 0x80000000U : 0U);
  for (const std::byte byte : packet.payload) hash = (hash ^ static_cast<std::uint32_t>(byte)) * 16777619U;
  return hash;
}

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

/// Goes on with the source's numbers, if `packet` does. False: it is a stray as far as is known now.
bool follow(Source& source, const RtpPacket& packet) {
  const std::uint16_t number = packet.sequence_number;
  if (distance(source.last_sequence, number) <= kNear) {
    ++source.following;
    return true;
  }
  if (!source.elsewhere || distance(source.elsewhere->sequence, number) > kNext) {
    source.elsewhere = {number, packet.timestamp, false};
    return false;
  }
  source.following += source.elsewhere->counted ? 1 : 2;
  const Source::Elsewhere before{source.last_sequence, source.last_timestamp, true};
  source.last_timestamp = source.elsewhere->timestamp;
  source.elsewhere = before;
  return true;
}

/// Whether packets with a source's SSRC belong together. Numbers at random are near the one before in one of ten.
bool holds_a_run(const Source& source) {
  return source.packets >= 2 && (source.following * 2 >= source.packets - 1 ||
                                 (source.packets >= kManyPackets && source.following * 4 >= source.packets));
}

/// Ports of protocols whose packets may begin with RTP's version by chance.
bool other_protocol(std::uint16_t port) {
  return port != 0 && port < 1024;
}

}  // namespace

std::uint8_t Source::main_payload_type() const {
  return payload_types.empty() ? 0 : most_frequent(payload_types);
}

void Source::add(const Source& other) {
  packets += other.packets;
  if (other.following > 0) following += other.following + 1;  // a path's first follows none there
  for (const auto& [type, count] : other.payload_types) payload_types[type] += count;
  for (const auto& [own, others] :
       {std::pair(&mid, &other.mid), std::pair(&rid, &other.rid),
        std::pair(&repaired_rid, &other.repaired_rid), std::pair(&cname, &other.cname)})
    if (own->empty()) *own = *others;
  protects.insert(other.protects.begin(), other.protects.end());
  for (const auto& [index, votes] : other.repairs) repairs[index] += votes;
  same_timestamp += other.same_timestamp;
  payload_bytes += other.payload_bytes;
  for (const auto& [step, count] : other.timestamp_steps)
    if (timestamp_steps.size() < kMaxSteps || timestamp_steps.contains(step)) timestamp_steps[step] += count;
  if (other.last_at > last_at) {
    last_sequence = other.last_sequence;
    last_timestamp = other.last_timestamp;
    last_time = other.last_time;
    last_at = other.last_at;
  }
}

std::uint32_t Source::usual_step() const {
  return timestamp_steps.empty() ? 0 : most_frequent(timestamp_steps);
}

/// Up to 60 ms of the usual rates; 2.5, 80, 100 and 120 ms of Opus; 44.1 kHz. Pictures step by 90,000 a second.
bool is_audio_step(std::uint32_t step) {
  return (step <= 2880 && step % 80 == 0) || step == 120 || step == 3840 || step == 4800 || step == 5760 ||
         (step <= 2646 && step % 441 == 0);
}

/// Video frames take several packets; audio packets are small or advance by whole milliseconds of a usual
/// rate.
MediaKind Source::guess_kind() const {
  if (packets == 0 || payload_bytes / packets <= kTinyPayload)
    return MediaKind::audio;  // telephone-event, comfort noise
  if (same_timestamp * 20 > packets) return MediaKind::video;
  if (timestamp_steps.empty()) return payload_bytes / packets > 400 ? MediaKind::video : MediaKind::audio;
  return is_audio_step(most_frequent(timestamp_steps)) ? MediaKind::audio : MediaKind::video;
}

std::uint32_t Source::guess_clock_rate() const {
  if (guess_kind() == MediaKind::video) return 90000;
  const std::uint32_t step = timestamp_steps.empty() ? 960 : most_frequent(timestamp_steps);
  return step <= 480 ? 8000 : 48000;  // 10 to 60 ms of audio a packet
}

/// The source that a packet belongs to, made when there is none yet; nullopt when there are too many. Each
/// pair of addresses has one of its own until all packets were seen: merge_paths().
std::optional<std::size_t> SourceTable::place(const Datagram& datagram, const RtpPacket& packet) {
  const Key key(packet.ssrc, datagram.source, datagram.destination);
  if (const auto known = places_.find(key); known != places_.end()) return known->second;
  if (places_.size() == kMaxSources) return std::nullopt;
  Source source;
  source.ssrc = packet.ssrc;
  source.source = datagram.source;
  source.destination = datagram.destination;
  source.first_sequence = packet.sequence_number;
  source.first_time = datagram.time.value_or(std::chrono::nanoseconds(0));
  source.first_at = rtp_packets_;
  sources_.push_back(std::move(source));
  recent_.emplace_back();
  places_.emplace(key, sources_.size() - 1);
  by_ssrc_.emplace(packet.ssrc, sources_.size() - 1);
  return sources_.size() - 1;
}

/// Holds a packet against the last ones of other sources with its SSRC.
void SourceTable::compare(std::size_t index, const Datagram& datagram, const RtpPacket& packet) {
  const auto content = content_of(packet);
  int looked_at = 0;
  const auto [first, last] = by_ssrc_.equal_range(packet.ssrc);
  for (auto at = first; at != last && looked_at < kMostCompared; ++at) {
    const std::size_t other = at->second;
    if (other == index || sources_[other].source == datagram.destination) continue;
    if (datagram.time && *datagram.time - sources_[other].last_time > kSilence) continue;  // it has ended
    ++looked_at;
    const Recent& recent = recent_[other];
    Likeness& likeness = likenesses_[std::minmax(index, other)];
    const auto end =
        recent.packets.begin() + static_cast<std::ptrdiff_t>(std::min(recent.count, Recent::kPackets));
    const auto same = std::find_if(recent.packets.begin(), end,
                                   [&](const auto& one) { return one.sequence == packet.sequence_number; });
    if (same != end)
      ++(same->content == content ? likeness.equal : likeness.different);
    else
      ++(distance(sources_[other].last_sequence, packet.sequence_number) <= kInterleaved ? likeness.near
                                                                                         : likeness.far);
  }
  Recent& own = recent_[index];
  own.packets[own.count++ % Recent::kPackets] = {packet.sequence_number, content};
}

/// Whether two sources of one SSRC are one: copies of its packets, or its packets on another path.
bool SourceTable::same_source(std::size_t one, std::size_t other) const {
  const Source &a = sources_[std::min(one, other)], &b = sources_[std::max(one, other)];
  if (a.source == b.destination || a.destination == b.source) return false;  // there and back
  const auto at = likenesses_.find(std::minmax(one, other));
  const Likeness likeness = at == likenesses_.end() ? Likeness() : at->second;
  // A copy differs in nothing; one packet may have been hurt on the way.
  if (likeness.equal + likeness.different > 0) return likeness.equal > 20 * likeness.different;
  const bool after = b.first_at >= a.last_at;
  if (!after) return likeness.near > likeness.far;
  return distance(a.last_sequence, b.first_sequence) <= kNear || b.first_time - a.last_time > kSilence;
}

/// Joins the sources of one SSRC that are one; the earlier one stays.
void SourceTable::merge_paths() {
  std::vector<std::size_t> into(sources_.size());
  std::iota(into.begin(), into.end(), std::size_t{0});
  std::map<std::uint32_t, std::vector<std::size_t>> kept;  // by SSRC
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    auto& earlier = kept[sources_[i].ssrc];
    const auto same = std::ranges::find_if(earlier, [&](std::size_t one) { return same_source(one, i); });
    if (same == earlier.end()) {
      if (earlier.size() < kMostCompared) earlier.push_back(i);
      continue;
    }
    into[i] = *same;
    sources_[*same].add(sources_[i]);
  }
  std::vector<std::size_t> position(sources_.size());
  std::vector<Source> left;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    position[i] = into[i] == i ? left.size() : position[into[i]];
    if (into[i] == i) left.push_back(std::move(sources_[i]));
  }
  sources_ = std::move(left);
  for (auto& [key, index] : places_) index = position[index];
  by_ssrc_.clear();
  for (std::size_t i = 0; i < sources_.size(); ++i) by_ssrc_.emplace(sources_[i].ssrc, i);
  for (Source& source : sources_) {
    std::map<std::size_t, std::uint64_t> repairs;
    for (const auto& [index, votes] : source.repairs) repairs[position[index]] += votes;
    source.repairs = std::move(repairs);
  }
  recent_.clear();
  likenesses_.clear();
}

void SourceTable::add_rtp(const Datagram& datagram, const RtpPacket& packet) {
  const auto index = place(datagram, packet);
  if (!index) return;
  Source& source = sources_[*index];
  bool goes_on = true;
  if (source.packets > 0) {
    goes_on = follow(source, packet);
    const std::uint32_t step = packet.timestamp - source.last_timestamp;
    // Telephone events repeat their time, and comfort noise steps by any.
    const bool tells = goes_on && packet.payload.size() > kTinyPayload;
    if (tells && step == 0)
      ++source.same_timestamp;
    else if (tells && (source.timestamp_steps.size() < kMaxSteps || source.timestamp_steps.contains(step)))
      ++source.timestamp_steps[step];
  }
  ++source.packets;
  ++source.payload_types[packet.payload_type];
  source.payload_bytes += packet.payload.size();
  if (goes_on) {
    source.last_sequence = packet.sequence_number;
    source.last_timestamp = packet.timestamp;
  }
  source.last_time = datagram.time.value_or(source.last_time);
  source.last_at = rtp_packets_++;
  compare(*index, datagram, packet);
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
  merge_paths();
  if (!network) return;
  using Flow = std::pair<Endpoint, Endpoint>;
  std::map<Flow, std::size_t> lonely;  // sources of one packet
  std::set<Flow> calls;
  for (const Source& source : sources_) {
    const Flow flow(source.source, source.destination);
    if (source.packets == 1) ++lonely[flow];
    if (source.packets >= kPacketsOfACall && holds_a_run(source)) calls.insert(flow);
  }
  for (Source& source : sources_) {
    const Flow flow(source.source, source.destination);
    const bool beside_a_call = calls.contains(flow) && lonely[flow] > kLonelyOnes;
    const bool protocol_port = other_protocol(source.source.port) || other_protocol(source.destination.port);
    const std::uint8_t type = source.main_payload_type();
    const bool plausible_type = type <= 34 || type >= 96;
    source.rtp = holds_a_run(source)
                     ? !protocol_port || source.packets >= kPacketsOfACall
                     : source.packets == 1 && plausible_type && !protocol_port && !beside_a_call;
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
