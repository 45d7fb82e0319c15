#include "repair/parity.hpp"

#include <algorithm>

namespace rtpx {
namespace {

constexpr std::size_t kFixedHeader = 12;
constexpr std::size_t kMaxPackets = 2048;
constexpr std::size_t kMaxPacketBytes = 3U << 20;
constexpr std::size_t kMaxParities = 512;
constexpr std::size_t kMaxParityBytes = 1U << 20;
constexpr std::size_t kMaxTails = 64;
/// A parity that waits longer would meet packets of the next round of sequence numbers.
constexpr std::uint64_t kMaxWait = 8192;              // packets
constexpr std::uint32_t kMaxTimeApart = 90'000 * 20;  // ticks; packets of one parity are sent within seconds

std::uint64_t key_of(const ParityMember& member) {
  return std::uint64_t{member.ssrc} << 16 | member.sequence_number;
}

void xor_into(std::byte* to, const std::byte* from, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] ^= from[i];
}

std::uint8_t byte_at(const std::vector<std::byte>& packet, std::size_t at) {
  return static_cast<std::uint8_t>(packet[at]);
}

}  // namespace

ParitySolver::ParitySolver(const std::map<std::string, std::uint8_t>& header_extensions, OnSolved on_solved)
    : on_solved_(std::move(on_solved)) {
  for (const auto& [uri, id] : header_extensions) {
    if (uri.ends_with("/abs-send-time") || uri.ends_with(":toffset") ||
        uri.find("transport-wide-cc") != std::string::npos)
      changing_[id] = Changing::all;
    else if (uri.ends_with("/video-timing"))
      changing_[id] =
          Changing::last_six;  // pacer exit and two network times; the encoder's before them are covered
  }
}

const ParitySolver::Packet* ParitySolver::find(const ParityMember& member) const {
  const auto at = packets_.find(key_of(member));
  return at == packets_.end() ? nullptr : &at->second;
}

void ParitySolver::add_packet(const RtpPacket& packet) {
  const Key key = key_of({packet.ssrc, packet.sequence_number});
  if (const auto known = packets_.find(key); known != packets_.end()) {
    const auto header = static_cast<std::size_t>(packet.payload.data() - packet.whole.data());
    const bool same =
        packet.payload.empty() ||
        (known->second.size() == packet.whole.size() &&
         std::ranges::equal(packet.payload, Bytes(known->second).subspan(header, packet.payload.size())));
    if (same) return;
    forget_from(packet.ssrc, packet.sequence_number);
  }
  Packet& copy = keep(key, packet.whole);
  for_each_extension(packet, [&](std::uint8_t id, Bytes value) {
    std::size_t count = 0;
    if (changing_[id] == Changing::all) count = value.size();
    if (changing_[id] == Changing::last_six) count = std::min<std::size_t>(6, value.size());
    const auto end = static_cast<std::size_t>(value.data() + value.size() - packet.whole.data());
    std::fill_n(copy.begin() + static_cast<std::ptrdiff_t>(end - count), count, std::byte{0});
  });
  ++packets_seen_;
  if (waiting_.empty()) return;
  if (packets_seen_ - waiting_.begin()->second.born > kMaxWait) drop_oldest_parity();
  retry(key);
  give_out();
}

// The source has begun anew with numbers that it had before.
void ParitySolver::forget_from(std::uint32_t ssrc, std::uint16_t sequence_number) {
  std::erase_if(packet_order_, [&](Key key) {
    const auto ahead = static_cast<std::int16_t>(static_cast<std::uint16_t>(key) - sequence_number);
    if (key >> 16 != ssrc || ahead < 0) return false;
    const auto old = packets_.find(key);
    packet_bytes_ -= old->second.size();
    packets_.erase(old);
    return true;
  });
}

ParitySolver::Packet& ParitySolver::keep(Key key, Bytes packet) {
  decltype(packets_)::node_type node;  // of the oldest, whose memory serves again
  while (packet_order_.size() >= kMaxPackets || packet_bytes_ + packet.size() > kMaxPacketBytes) {
    node = packets_.extract(packet_order_.front());
    packet_order_.pop_front();
    packet_bytes_ -= node.mapped().size();
  }
  packet_bytes_ += packet.size();
  packet_order_.push_back(key);
  if (node.empty()) return packets_[key] = Packet(packet.begin(), packet.end());
  node.key() = key;
  node.mapped().assign(packet.begin(), packet.end());
  return packets_.insert(std::move(node)).position->second;
}

void ParitySolver::add_parity(Parity parity) {
  if (parity.members.empty() || parity.members.size() > kMaxParityMembers) return;
  if (!parity.has_header) {
    if (tails_.size() >= kMaxTails) tails_.pop_front();
    tails_.push_back(std::move(parity));
    return;
  }
  if (try_solve(parity)) return give_out();
  const std::uint64_t id = next_parity_++;
  for (const ParityMember& member : parity.members)
    if (find(member) == nullptr) waits_for_.emplace(key_of(member), id);
  parity_bytes_ += parity.bytes.size();
  waiting_.emplace(id, Waiting{std::move(parity), packets_seen_});
  while (waiting_.size() > kMaxParities || parity_bytes_ > kMaxParityBytes) drop_oldest_parity();
  if (!tails_.empty()) give_out();
}

void ParitySolver::drop_oldest_parity() {
  const auto oldest = waiting_.begin();
  for (const ParityMember& member : oldest->second.parity.members) {
    auto [at, end] = waits_for_.equal_range(key_of(member));
    while (at != end) at = at->second == oldest->first ? waits_for_.erase(at) : std::next(at);
  }
  parity_bytes_ -= oldest->second.parity.bytes.size();
  waiting_.erase(oldest);
}

void ParitySolver::retry(Key arrived) {
  auto [at, end] = waits_for_.equal_range(arrived);
  std::vector<std::uint64_t> ids;
  for (; at != end; ++at) ids.push_back(at->second);
  waits_for_.erase(arrived);
  for (const std::uint64_t id : ids) {
    const auto parity = waiting_.find(id);
    if (parity == waiting_.end() || !try_solve(parity->second.parity)) continue;
    parity_bytes_ -= parity->second.parity.bytes.size();
    waiting_.erase(parity);
  }
}

/// With levels above the first, a parity may wait for a packet that is no member of it.
void ParitySolver::retry_all() {
  if (tails_.empty()) return;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (try_solve(at->second.parity)) {
      parity_bytes_ -= at->second.parity.bytes.size();
      at = waiting_.erase(at);
    } else {
      ++at;
    }
  }
}

// What was solved makes more possible, and that again, until nothing is new.
void ParitySolver::give_out() {
  retry_all();
  while (!solved_.empty()) {
    const Solved solved = std::move(solved_.back());
    solved_.pop_back();
    const auto packet = parse_rtp(solved.packet);
    if (!packet) continue;
    const Key key = key_of({packet->ssrc, packet->sequence_number});
    if (!packets_.contains(key)) {
      keep(key, solved.packet);
      on_solved_(*packet, solved.source);
    }
    retry(key);
    retry_all();
  }
}

bool ParitySolver::try_solve(const Parity& parity) {
  const ParityMember* missing = nullptr;
  for (const ParityMember& member : parity.members) {
    if (find(member) != nullptr) continue;
    if (missing != nullptr) return false;
    missing = &member;
  }
  if (missing == nullptr) return true;  // all are there
  std::uint8_t first = parity.first_byte, second = parity.second_byte;
  std::uint32_t timestamp = parity.timestamp;
  std::uint16_t length = parity.length;
  std::uint32_t others_time = timestamp;
  Packet packet(kFixedHeader + parity.bytes.size());
  std::ranges::copy(parity.bytes, packet.begin() + kFixedHeader);
  for (const ParityMember& member : parity.members) {
    if (&member == missing) continue;
    const Packet& other = *find(member);
    const std::size_t content = other.size() - kFixedHeader;
    others_time = load_be<std::uint32_t>(other.data() + 4);
    first ^= byte_at(other, 0);
    second ^= byte_at(other, 1);
    timestamp ^= others_time;
    length ^= static_cast<std::uint16_t>(content);
    xor_into(packet.data() + kFixedHeader, other.data() + kFixedHeader,
             std::min(content, parity.bytes.size()));
  }
  // What cannot be a packet of this stream comes of a parity that does not belong to these packets.
  const std::uint32_t apart = timestamp - others_time;
  if (parity.members.size() > 1 && std::min(apart, 0 - apart) > kMaxTimeApart) return true;
  const std::size_t covered = parity.bytes.size();
  packet.resize(kFixedHeader + length);
  if (length > covered && !rest_of(*missing, covered, packet)) return false;
  packet[0] = static_cast<std::byte>(0x80 | (first & 0x3F));
  packet[1] = static_cast<std::byte>(second);
  store_be(packet.data() + 2, missing->sequence_number);
  store_be(packet.data() + 4, timestamp);
  store_be(packet.data() + 8, missing->ssrc);
  solved_.push_back({std::move(packet), parity.source});
  return true;
}

// RFC 5109 section 8.2: higher levels, of this or of other FEC packets, give what the first leaves open.
bool ParitySolver::rest_of(const ParityMember& member, std::size_t from, Packet& packet) const {
  const std::size_t length = packet.size() - kFixedHeader;
  while (from < length) {
    const auto covers = [&](const Parity& tail) {
      return tail.begin <= from && from < tail.begin + tail.bytes.size() &&
             std::ranges::find(tail.members, member) != tail.members.end() &&
             std::ranges::all_of(tail.members,
                                 [&](const auto& m) { return m == member || find(m) != nullptr; });
    };
    const auto tail = std::ranges::find_if(tails_, covers);
    if (tail == tails_.end()) return false;
    const std::size_t begin = tail->begin, end = std::min(length, begin + tail->bytes.size());
    std::byte* to = packet.data() + kFixedHeader;
    std::copy_n(tail->bytes.begin(), end - begin, to + begin);
    for (const ParityMember& other : tail->members) {
      if (other == member) continue;
      const Packet& bytes = *find(other);
      const std::size_t content = bytes.size() - kFixedHeader;
      if (content > begin)
        xor_into(to + begin, bytes.data() + kFixedHeader + begin, std::min(content, end) - begin);
    }
    from = end;
  }
  return true;
}

}  // namespace rtpx
