#include "ingest/udp/receiver.hpp"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <unordered_map>
#include <utility>

#include "ingest/net/arrival_clock.hpp"
#include "ingest/net/udp_socket.hpp"
#include "ingest/streams/stream_receiver.hpp"
#include "ingest/udp/description.hpp"
#include "rtp/packet.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using Time = ReceiveClock::time_point;

constexpr std::size_t kDatagramSize = 65'536;  // senders on a local network may use jumbo frames
constexpr std::size_t kMaxSsrcs = 256;
constexpr auto kPoll = 20ms;     // also the delay of a NACK
constexpr auto kPublish = 20ms;  // between looks that others may take
constexpr int kPairTries = 20;   // the port next to a free one may be taken
constexpr auto kByeGrace = 500ms;

struct Socket;

/// The tracks of one port, under their numbers among all.
class PartOfSink final : public PacketSink {
 public:
  PartOfSink(PacketSink& whole, const std::vector<std::size_t>& numbers) : whole_(whole), numbers_(numbers) {}
  void on_rtp(std::size_t track, std::uint8_t rid_index, Bytes packet, Time arrival) noexcept override {
    whole_.on_rtp(numbers_[track], rid_index, packet, arrival);
  }
  void on_rtcp(std::size_t track, Bytes compound, Time arrival) noexcept override {
    whole_.on_rtcp(numbers_[track], compound, arrival);
  }

 private:
  PacketSink& whole_;
  const std::vector<std::size_t>& numbers_;
};

/// What arrives on one RTP port: one m-line, or several that share it.
struct Group {
  std::vector<NegotiatedTrack> tracks;
  std::vector<std::size_t> numbers;  // position of each in UdpReceiver::tracks()
  std::vector<Srtp> srtp;            // of each track; empty: plain
  std::optional<SrtpKeys> own_key;   // of what goes back, where the sender is told of it
  Srtp outbound;
  std::unordered_map<std::uint32_t, std::size_t>
      key_of;                             // authenticated SSRCs: the track whose key they have
  std::optional<StreamReceiver> streams;  // refers to `tracks`
  // Where reports go: to where the sender's RTCP comes from, or its RTP with rtcp-mux.
  Socket* reply_by = nullptr;
  SocketAddress reply_to, reply_from;
  bool mux = false;

  [[nodiscard]] bool encrypted() const {
    return std::ranges::any_of(srtp, [](const Srtp& one) { return static_cast<bool>(one); });
  }
};

struct Socket {
  UdpSocket socket;
  Group* group;
  bool rtcp = false;  // a port of its own for it
  ArrivalClock clock;
  std::uint64_t drops = 0, oversized = 0;  // counted already
};

/// Janus (rtp_forward) sends no RTCP, but empty RTP packets that let ours come back.
bool opens_the_way(Bytes datagram) {
  const auto packet = parse_rtp(datagram);
  return packet && packet->payload.empty() && packet->ssrc == 0 && packet->sequence_number == 0;
}

/// No report is sent into a multicast group, nor where a key of ours would be needed and none was agreed.
void learn_reply(Group& group, Socket& socket, const Datagram& datagram) {
  if ((group.encrypted() && !group.outbound) || socket.socket.local().is_multicast()) return;
  group.reply_by = &socket;
  group.reply_to = datagram.from;
  group.reply_from = datagram.to;
}

}  // namespace

const char* to_string(UdpEnd reason) noexcept {
  switch (reason) {
    case UdpEnd::stopped:
      return "stopped";
    case UdpEnd::bye:
      return "bye";
    case UdpEnd::idle:
      return "idle";
    case UdpEnd::never:
      return "never";
    case UdpEnd::max_duration:
      return "max_duration";
    case UdpEnd::max_bytes:
      return "max_bytes";
  }
  return "unknown";
}

class UdpReceiver::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)),
        limit_(options_.max_bits_per_second + options_.max_bits_per_second / 2) {}

  Result<void> bind(std::vector<UdpSection> sections);
  UdpEnd run(PacketSink& sink, const std::stop_token& stop);
  [[nodiscard]] Stats stats() const;

  std::vector<MediaStreamTrack> tracks_;
  std::vector<Port> ports_;
  std::atomic<bool> keyframes_wanted_ = false;

 private:
  Result<Group*> group_for(const UdpSection& section, Port& port);
  Result<Port> open_ports(const UdpSection& section, Group* group);
  Result<std::uint16_t> open(const SocketAddress& address, Group* group, bool rtcp);
  Result<std::string> agree_on_key(Group& group, const SdesChoice& sdes) const;
  void send(Group& group, Bytes compound);
  void read(Socket& socket);
  bool take(Group& group, std::span<std::byte> bytes, bool rtcp, Time arrival);
  std::optional<Bytes> decrypt(Group& group, std::span<std::byte> bytes, bool rtcp);
  std::optional<Bytes> try_key(Srtp& srtp, Bytes bytes, bool rtcp, Srtp::Failure& why);
  [[nodiscard]] bool all_said_bye() const;
  [[nodiscard]] std::optional<UdpEnd> end(Time now) const;
  void publish(Time now);

  const Options options_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::map<std::string, std::pair<Group*, Port>> by_address_;  // of m-lines with a port of their own
  std::vector<Socket> sockets_;
  std::vector<std::byte> scratch_;
  Time started_{}, first_{}, last_{}, next_publish_{};
  RateLimit limit_;
  Stats own_;  // this thread's
  DropCounts drops_;
  const std::uint32_t own_ssrc_ = std::random_device()();
  mutable std::mutex mutex_;
  Stats stats_;  // under mutex_
};

Result<std::uint16_t> UdpReceiver::Impl::open(const SocketAddress& address, Group* group, bool rtcp) {
  auto socket = UdpSocket::bind(address, options_.receive_buffer, kDatagramSize);
  if (!socket) return std::unexpected(socket.error());
  const std::uint16_t port = socket->local().port();
  sockets_.push_back({*std::move(socket), group, rtcp, {}, 0});
  return port;
}

/// The group of an m-line: one that has its port already, or a new one with its sockets.
Result<Group*> UdpReceiver::Impl::group_for(const UdpSection& section, Port& port) {
  const std::string name = section.rtp.to_string();
  if (const auto known = by_address_.find(name); section.rtp.port() != 0 && known != by_address_.end()) {
    port = known->second.second;
    return known->second.first;
  }
  groups_.push_back(std::make_unique<Group>());
  Group* const group = groups_.back().get();
  auto opened = open_ports(section, group);
  for (int tries = 0; !opened && section.rtp.port() == 0 && tries < kPairTries; ++tries)
    opened = open_ports(section, group);
  if (!opened) return std::unexpected(opened.error());
  port = *opened;
  by_address_[name] = {group, port};
  return group;
}

/// The sockets of an m-line, all or none.
Result<UdpReceiver::Port> UdpReceiver::Impl::open_ports(const UdpSection& section, Group* group) {
  const auto rtp = open(section.rtp, group, false);
  if (!rtp) return std::unexpected(rtp.error());
  Port port{section.rtp.ip(), *rtp, *rtp};
  if (section.mux || section.rtcp_port == *rtp) return port;
  const auto wanted = static_cast<std::uint16_t>(section.rtcp_port != 0 ? section.rtcp_port : *rtp + 1);
  const auto rtcp = open(section.rtp.with_port(wanted), group, true);
  if (!rtcp) {
    sockets_.pop_back();
    return std::unexpected(rtcp.error());
  }
  port.rtcp = *rtcp;
  return port;
}

/// Lines that share a port share our key: its SRTCP is one stream. Empty: nothing goes back by this line.
Result<std::string> UdpReceiver::Impl::agree_on_key(Group& group, const SdesChoice& sdes) const {
  if (!options_.srtp_feedback || sdes.keys.empty()) return std::string();
  const SrtpProfile profile = sdes.keys.front().profile;
  if (!group.own_key) {
    auto key = make_sdes_key(profile);
    if (!key) return std::unexpected(key.error());
    auto outbound = Srtp::create(*key, Srtp::Direction::send);
    if (!outbound) return std::unexpected(outbound.error());
    group.own_key = *std::move(key);
    group.outbound = *std::move(outbound);
  }
  return group.own_key->profile == profile ? write_sdes(sdes, *group.own_key) : std::string();
}

Result<void> UdpReceiver::Impl::bind(std::vector<UdpSection> sections) {
  for (UdpSection& section : sections) {
    Port port;
    const auto group = group_for(section, port);
    if (!group) return std::unexpected(group.error());
    auto crypto = agree_on_key(**group, section.sdes);
    if (!crypto) return std::unexpected(crypto.error());
    port.crypto = *std::move(crypto);
    (*group)->numbers.push_back(tracks_.size());
    (*group)->srtp.push_back(std::move(section.srtp));
    (*group)->mux |= port.rtcp == port.rtp;
    tracks_.push_back(section.track.track);
    ports_.push_back(port);
    (*group)->tracks.push_back(std::move(section.track));
  }
  for (const auto& group : groups_) {
    group->streams.emplace(group->tracks, StreamReceiver::Options{own_ssrc_, kMaxSsrcs, false}, drops_);
    group->streams->on_forgotten = [one = group.get()](std::uint32_t ssrc) {
      one->key_of.erase(ssrc);
      for (Srtp& srtp : one->srtp) srtp.forget(ssrc);
    };
  }
  return {};
}

/// Decrypts a copy: a wrong key leaves garbage behind.
std::optional<Bytes> UdpReceiver::Impl::try_key(Srtp& srtp, Bytes bytes, bool rtcp, Srtp::Failure& why) {
  scratch_.assign(bytes.begin(), bytes.end());
  return rtcp ? srtp.unprotect_rtcp(scratch_, why) : srtp.unprotect_rtp(scratch_, why);
}

/// The packet, authenticated where its m-line has a key. Which m-line it belongs to stands in its header,
/// which is in the clear, but anybody may have written it: the key that fits tells. nullopt: counted.
std::optional<Bytes> UdpReceiver::Impl::decrypt(Group& group, std::span<std::byte> bytes, bool rtcp) {
  const auto packet = rtcp ? std::nullopt : parse_rtp(bytes);
  if (!rtcp && !packet) {
    drops_.add(Drop::malformed);
    return std::nullopt;
  }
  if (!group.encrypted()) return bytes;
  const std::uint32_t ssrc = load_be<std::uint32_t>(bytes.data() + (rtcp ? 4 : 8));
  const auto known = group.key_of.find(ssrc);
  std::size_t first = known != group.key_of.end() ? known->second
                      : packet                    ? group.streams->guess_track(*packet).value_or(0)
                                                  : 0;
  Srtp::Failure why = Srtp::Failure::refused;
  for (std::size_t i = 0; i < group.srtp.size(); ++i) {
    const std::size_t track = (first + i) % group.srtp.size();
    Srtp& srtp = group.srtp[track];
    if (!srtp) {  // a line without a key beside lines with one
      if (packet && group.streams->guess_track(*packet) == track) return bytes;
      continue;
    }
    if (const auto plain = try_key(srtp, bytes, rtcp, why)) {
      if (!rtcp) group.key_of.insert_or_assign(ssrc, track);
      return plain;
    }
    if (why == Srtp::Failure::replayed || known != group.key_of.end()) break;
  }
  drops_.add(why == Srtp::Failure::replayed ? Drop::replayed : Drop::undecryptable);
  return std::nullopt;
}

/// False: the packet was not from a sender of the description.
bool UdpReceiver::Impl::take(Group& group, std::span<std::byte> bytes, bool rtcp, Time arrival) {
  const auto plain = decrypt(group, bytes, rtcp);
  if (!plain) return false;
  if (!limit_.allows(bytes.size(), arrival)) {
    drops_.add(Drop::over_bit_rate);
    return true;
  }
  const std::size_t size = plain->size();
  if (!(rtcp ? group.streams->on_rtcp(*plain, arrival) : group.streams->on_rtp(*plain, arrival)))
    return false;
  // Not the arrival: it may have waited in the socket while the process did not run.
  last_ = ReceiveClock::now();
  if (first_ == Time{}) first_ = last_;
  ++(rtcp ? own_.rtcp_packets : own_.packets);
  own_.bytes += size;
  return true;
}

bool UdpReceiver::Impl::all_said_bye() const {
  bool any = false;
  for (const auto& group : groups_) {
    if (!group->streams->any_stream()) continue;
    const auto at = group->streams->bye_at();
    if (!at || ReceiveClock::now() - *at <= kByeGrace) return false;
    any = true;
  }
  return any;
}

void UdpReceiver::Impl::send(Group& group, Bytes compound) {
  if (group.outbound) {
    scratch_.assign(compound.begin(), compound.end());
    scratch_.resize(compound.size() + Srtp::kOverhead);
    const auto cipher = group.outbound.protect_rtcp(scratch_, compound.size());
    if (!cipher) return;
    compound = *cipher;
  }
  group.reply_by->socket.send(compound, group.reply_to, &group.reply_from);
}

void UdpReceiver::Impl::read(Socket& socket) {
  const auto batch = socket.socket.receive();
  socket.clock.sample(wall_clock_now(), ReceiveClock::now());
  const auto count = [&](Drop reason, std::uint64_t now, std::uint64_t& before) {
    drops_.add(reason, now - std::exchange(before, now));
  };
  count(Drop::kernel, socket.socket.dropped_by_kernel(), socket.drops);
  count(Drop::oversized, socket.socket.oversized(), socket.oversized);
  for (const Datagram& datagram : batch) {
    const Time arrival = socket.clock.arrival(datagram.kernel_time);
    Group& group = *socket.group;
    if (opens_the_way(datagram.bytes)) {
      drops_.add(Drop::empty_packet);
      if (group.reply_by == nullptr && socket.rtcp) learn_reply(group, socket, datagram);
      continue;
    }
    const bool rtcp = looks_like_rtcp(datagram.bytes);
    if (!rtcp && (datagram.bytes.empty() || u8(datagram.bytes[0]) >> 6 != 2)) {
      drops_.add(Drop::unknown_protocol);
      continue;
    }
    const bool known = take(group, datagram.bytes, rtcp, arrival);
    if (known && (rtcp || group.mux)) learn_reply(group, socket, datagram);
  }
}

std::optional<UdpEnd> UdpReceiver::Impl::end(Time now) const {
  if (options_.end_on_bye && all_said_bye()) return UdpEnd::bye;
  if (options_.max_bytes != 0 && own_.bytes >= options_.max_bytes) return UdpEnd::max_bytes;
  if (last_ == Time{}) {
    if (options_.start_timeout > 0ms && now - started_ > options_.start_timeout) return UdpEnd::never;
    return std::nullopt;
  }
  if (options_.max_duration > 0s && now - first_ >= options_.max_duration) return UdpEnd::max_duration;
  if (options_.idle_timeout > 0ms && now - last_ > options_.idle_timeout) return UdpEnd::idle;
  return std::nullopt;
}

/// What other threads see.
void UdpReceiver::Impl::publish(Time now) {
  Stats out = own_;
  out.dropped = drops_;
  out.tracks.resize(tracks_.size());
  for (const auto& group : groups_) {
    auto stats = group->streams->stats(now);
    for (std::size_t i = 0; i < stats.size(); ++i) out.tracks[group->numbers[i]] = std::move(stats[i]);
    if (const auto rtt = group->streams->round_trip())
      out.rtt_ms = std::chrono::duration<double, std::milli>(*rtt).count();
  }
  const std::lock_guard lock(mutex_);
  stats_ = std::move(out);
}

UdpEnd UdpReceiver::Impl::run(PacketSink& sink, const std::stop_token& stop) {
  started_ = ReceiveClock::now();
  std::vector<pollfd> waiting;
  for (const Socket& socket : sockets_) waiting.push_back({socket.socket.fd(), POLLIN, 0});
  for (const auto& group : groups_)
    group->streams->set_sink(std::make_shared<PartOfSink>(sink, group->numbers));
  std::optional<UdpEnd> reason;
  while (!reason && !stop.stop_requested()) {
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(kPoll.count()));
    for (std::size_t i = 0; ready > 0 && i < waiting.size(); ++i)
      if (waiting[i].revents != 0) read(sockets_[i]);
    const Time now = ReceiveClock::now();
    for (const auto& group : groups_) {
      StreamReceiver::Send back;
      if (group->reply_by != nullptr) back = [&](const rtcp::Buffer& compound) { send(*group, compound); };
      group->streams->send_feedback(now, back);
    }
    if (keyframes_wanted_.exchange(false))
      for (const auto& group : groups_) group->streams->request_keyframes();
    if (now >= next_publish_) {
      publish(now);
      next_publish_ = now + kPublish;
    }
    reason = end(now);
  }
  for (const auto& group : groups_) {
    group->streams->finish(ReceiveClock::now());
    (void)group->streams->take_sink();
  }
  publish(ReceiveClock::now());
  sockets_.clear();
  return reason.value_or(UdpEnd::stopped);
}

UdpReceiver::Stats UdpReceiver::Impl::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

UdpReceiver::UdpReceiver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UdpReceiver::~UdpReceiver() = default;

Result<std::unique_ptr<UdpReceiver>> UdpReceiver::open(std::string_view sdp, const Options& options) {
  auto sections = read_udp_description(sdp, options.listen);
  if (!sections) return std::unexpected(sections.error());
  auto impl = std::make_unique<Impl>(options);
  if (auto bound = impl->bind(*std::move(sections)); !bound) return std::unexpected(bound.error());
  return std::unique_ptr<UdpReceiver>(new UdpReceiver(std::move(impl)));
}

const std::vector<MediaStreamTrack>& UdpReceiver::tracks() const noexcept {
  return impl_->tracks_;
}
std::vector<UdpReceiver::Port> UdpReceiver::ports() const {
  return impl_->ports_;
}
UdpEnd UdpReceiver::run(PacketSink& sink, std::stop_token stop) {
  return impl_->run(sink, stop);
}
void UdpReceiver::request_keyframes() noexcept {
  impl_->keyframes_wanted_.store(true);
}

UdpReceiver::Stats UdpReceiver::stats() const {
  return impl_->stats();
}

}  // namespace rtpx
