#include "ingest/udp/receiver.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "ingest/feedback/stream_feedback.hpp"
#include "ingest/net/arrival_clock.hpp"
#include "ingest/net/udp_socket.hpp"
#include "ingest/udp/description.hpp"
#include "rtp/packet.hpp"
#include "rtp/rtcp.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using Time = ReceiveClock::time_point;

constexpr std::size_t kDatagramSize = 65'536;  // senders on a local network may use jumbo frames
constexpr std::size_t kMaxSsrcs = 256;
constexpr auto kPoll = 20ms;  // also the delay of a NACK
constexpr auto kRtcpInterval = 1s;
constexpr int kPairTries = 20;  // the port next to a free one may be taken
constexpr auto kByeGrace = 500ms;

struct Socket;

/// What arrives on one RTP port: one m-line, or several that share it.
struct Group {
  std::vector<NegotiatedTrack> tracks;
  std::vector<std::size_t> numbers;  // position of each in UdpReceiver::tracks()
  std::vector<Srtp> srtp;            // of each track; empty: plain
  std::optional<SrtpKeys> own_key;   // of what goes back, where the sender is told of it
  Srtp outbound;
  std::optional<Demux> demux;  // refers to `tracks`
  std::optional<StreamFeedback> feedback;
  // Where reports go: to where the sender's RTCP comes from, or its RTP with rtcp-mux.
  Socket* reply_by = nullptr;
  SocketAddress reply_to, reply_from;
  bool mux = false;
  Time next_report{};

  [[nodiscard]] bool encrypted() const {
    return std::ranges::any_of(srtp, [](const Srtp& one) { return static_cast<bool>(one); });
  }
};

struct Socket {
  UdpSocket socket;
  Group* group;
  bool rtcp = false;  // a port of its own for it
  ArrivalClock clock;
  std::uint64_t drops = 0;  // counted in Stats already
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
  }
  return "unknown";
}

class UdpReceiver::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)) {}

  Result<void> bind(std::vector<UdpSection> sections);
  UdpEnd run(PacketSink& sink, const std::stop_token& stop);
  [[nodiscard]] Stats stats() const;

  std::vector<MediaStreamTrack> tracks_;
  std::vector<Port> ports_;

 private:
  Result<Group*> group_for(const UdpSection& section, Port& port);
  Result<Port> open_ports(const UdpSection& section, Group* group);
  Result<std::uint16_t> open(const SocketAddress& address, Group* group, bool rtcp);
  Result<std::string> agree_on_key(Group& group, const SdesChoice& sdes) const;
  void send(Group& group, Bytes compound);
  void read(Socket& socket, PacketSink& sink);
  bool on_rtp(Group& group, std::span<std::byte> bytes, Time arrival, PacketSink& sink);
  bool on_rtcp(Group& group, Bytes bytes, Time arrival, PacketSink& sink);
  void send_feedback(Group& group, Time now);
  [[nodiscard]] bool all_said_bye() const;
  bool decrypt_rtcp(Group& group, Bytes bytes, Bytes& plain);
  [[nodiscard]] std::optional<UdpEnd> end(Time now) const;

  const Options options_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::map<std::string, std::pair<Group*, Port>> by_address_;  // of m-lines with a port of their own
  std::vector<Socket> sockets_;
  std::vector<std::byte> scratch_;
  Time started_{}, last_{};
  std::optional<Time> bye_at_;
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
    group->demux.emplace(group->tracks, kMaxSsrcs);
    group->feedback.emplace(group->tracks, own_ssrc_);
  }
  return {};
}

/// False: the packet was not from a sender of the description.
bool UdpReceiver::Impl::on_rtp(Group& group, std::span<std::byte> bytes, Time arrival, PacketSink& sink) {
  auto packet = parse_rtp(bytes);  // SRTP leaves the header in the clear
  const Route* route = packet ? group.demux->find(packet->ssrc) : nullptr;
  if (packet && route == nullptr) {
    Demux::Learned learned = group.demux->learn(*packet);
    if (learned == Demux::Learned::rid_later) learned = group.demux->settle(*packet);
    if (learned == Demux::Learned::route) route = group.demux->find(packet->ssrc);
  }
  if (route == nullptr) {
    const std::lock_guard lock(mutex_);
    ++stats_.unknown;
    return false;
  }
  Bytes plain = bytes;
  if (Srtp& srtp = group.srtp[route->track]) {
    Srtp::Failure why{};
    const auto decrypted = srtp.unprotect_rtp(bytes, why);
    if (!decrypted) {
      const std::lock_guard lock(mutex_);
      ++stats_.undecryptable;
      return false;
    }
    plain = *decrypted;
    packet = parse_rtp(plain);
    if (!packet) return false;
  }
  last_ =
      ReceiveClock::now();  // not the arrival: it may have waited in the socket while the process did not run
  bye_at_.reset();
  if (route->role == StreamRole::media)
    group.feedback->on_media(*packet, *route, arrival);
  else
    group.feedback->on_repair(*packet, *route, route->media, arrival);
  sink.on_rtp(group.numbers[route->track], route->rid_index, plain, arrival);
  const std::lock_guard lock(mutex_);
  ++stats_.packets;
  stats_.bytes += plain.size();
  return true;
}

/// The key is that of one of the group's m-lines; which one, the packet does not say before it is decrypted.
bool UdpReceiver::Impl::decrypt_rtcp(Group& group, Bytes bytes, Bytes& plain) {
  bool encrypted = false;
  for (Srtp& srtp : group.srtp) {
    if (!srtp) continue;
    encrypted = true;
    scratch_.assign(bytes.begin(), bytes.end());
    Srtp::Failure why{};
    if (const auto decrypted = srtp.unprotect_rtcp(scratch_, why)) {
      plain = *decrypted;
      return true;
    }
  }
  plain = bytes;
  return !encrypted;
}

bool UdpReceiver::Impl::on_rtcp(Group& group, Bytes bytes, Time arrival, PacketSink& sink) {
  Bytes plain;
  if (!decrypt_rtcp(group, bytes, plain)) {
    const std::lock_guard lock(mutex_);
    ++stats_.undecryptable;
    return false;
  }
  last_ = ReceiveClock::now();
  std::set<std::size_t> about;
  for (const std::uint32_t ssrc : rtcp::senders(plain))
    if (const Route* const route = group.demux->find(ssrc)) about.insert(route->track);
  if (about.empty() && group.tracks.size() == 1) about.insert(0);
  for (const std::size_t track : about) sink.on_rtcp(group.numbers[track], plain, arrival);
  const RtcpSummary summary = parse_rtcp(plain);
  group.feedback->on_rtcp(summary, arrival);
  if (!summary.byes.empty() && all_said_bye()) bye_at_ = last_;
  const std::lock_guard lock(mutex_);
  ++stats_.rtcp_packets;
  return !about.empty();
}

bool UdpReceiver::Impl::all_said_bye() const {
  return std::ranges::all_of(groups_, [](const auto& group) {
    return group->feedback->streams().empty() || group->feedback->all_said_bye();
  });
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

void UdpReceiver::Impl::send_feedback(Group& group, Time now) {
  if (group.reply_by == nullptr) return;
  rtcp::Buffer head;
  const auto begin = [&](std::span<const rtcp::ReportBlock> blocks) {
    rtcp::write_receiver_report(head, own_ssrc_, blocks);
    rtcp::write_cname(head, own_ssrc_, "rtpx");
  };
  if (now >= group.next_report) {
    group.next_report = now + kRtcpInterval;
    begin(group.feedback->reports(now));
    send(group, std::exchange(head, {}));
  }
  begin({});
  for (const rtcp::Buffer& request : group.feedback->requests(head, now)) send(group, request);
}

void UdpReceiver::Impl::read(Socket& socket, PacketSink& sink) {
  const auto batch = socket.socket.receive();
  socket.clock.sample(wall_clock_now(), ReceiveClock::now());
  {
    const std::lock_guard lock(mutex_);
    stats_.socket_drops +=
        socket.socket.dropped_by_kernel() - std::exchange(socket.drops, socket.socket.dropped_by_kernel());
  }
  for (const Datagram& datagram : batch) {
    const Time arrival = socket.clock.arrival(datagram.kernel_time);
    Group& group = *socket.group;
    if (opens_the_way(datagram.bytes)) {
      if (group.reply_by == nullptr && socket.rtcp) learn_reply(group, socket, datagram);
      continue;
    }
    const bool rtcp = looks_like_rtcp(datagram.bytes);
    const bool known =
        rtcp ? on_rtcp(group, datagram.bytes, arrival, sink) : on_rtp(group, datagram.bytes, arrival, sink);
    if (known && (rtcp || group.mux)) learn_reply(group, socket, datagram);
  }
}

std::optional<UdpEnd> UdpReceiver::Impl::end(Time now) const {
  if (bye_at_ && options_.end_on_bye && now - *bye_at_ > kByeGrace) return UdpEnd::bye;
  if (last_ == Time{}) {
    if (options_.start_timeout > 0ms && now - started_ > options_.start_timeout) return UdpEnd::never;
  } else if (options_.idle_timeout > 0ms && now - last_ > options_.idle_timeout) {
    return UdpEnd::idle;
  }
  return std::nullopt;
}

UdpEnd UdpReceiver::Impl::run(PacketSink& sink, const std::stop_token& stop) {
  started_ = ReceiveClock::now();
  std::vector<pollfd> waiting;
  for (const Socket& socket : sockets_) waiting.push_back({socket.socket.fd(), POLLIN, 0});
  while (!stop.stop_requested()) {
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(kPoll.count()));
    for (std::size_t i = 0; ready > 0 && i < waiting.size(); ++i)
      if (waiting[i].revents != 0) read(sockets_[i], sink);
    const Time now = ReceiveClock::now();
    for (const auto& group : groups_) send_feedback(*group, now);
    if (const auto reason = end(now)) return *reason;
  }
  return UdpEnd::stopped;
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
UdpReceiver::Stats UdpReceiver::stats() const {
  return impl_->stats();
}

}  // namespace rtpx
