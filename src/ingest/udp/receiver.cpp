#include "ingest/udp/receiver.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "ingest/feedback/rtcp_feedback.hpp"
#include "ingest/net/arrival_clock.hpp"
#include "ingest/net/udp_socket.hpp"
#include "ingest/sdp/sdp.hpp"
#include "ingest/udp/sdes.hpp"
#include "ingest/webrtc/demux.hpp"
#include "rtp/packet.hpp"
#include "rtp/rtcp.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using Time = ReceiveClock::time_point;

constexpr std::size_t kDatagramSize = 65'536;  // senders on a local network may use jumbo frames
constexpr std::size_t kMaxTracks = 64, kMaxSsrcs = 256;
constexpr auto kPoll = 50ms;
constexpr auto kByePatience = 500ms;

/// What arrives on one RTP port: one m-line, or several that share it.
struct Group {
  std::vector<NegotiatedTrack> tracks;
  std::vector<std::size_t> numbers;  // position of each in UdpReceiver::tracks()
  std::vector<Srtp> srtp;            // of each track; empty: plain
  std::optional<Demux> demux;        // refers to `tracks`
};

struct Socket {
  UdpSocket socket;
  Group* group;
  ArrivalClock clock;
  std::uint64_t drops = 0;  // counted in Stats already
};

/// An m-line and where it wants to be received.
struct Section {
  NegotiatedTrack track;
  Srtp srtp;
  SocketAddress rtp;
  bool mux = false;
  std::uint16_t rtcp_port = 0;  // 0: the RTP port's next
};

Result<SocketAddress> listen_address(const sdp::Media& media, const std::string& listen) {
  if (!listen.empty()) {
    const auto address = SocketAddress::parse(listen, media.port);
    if (!address) return fail(Errc::invalid_argument, "\"" + listen + "\" is not an IP address.");
    return *address;
  }
  const auto wanted = SocketAddress::parse(media.connection, media.port);
  if (!wanted) return SocketAddress().with_port(media.port);
  const auto own = local_addresses(media.port);
  if (wanted->is_multicast() || wanted->is_loopback() || std::ranges::find(own, *wanted) != own.end())
    return *wanted;
  return SocketAddress::parse(wanted->is_v6() ? "::" : "0.0.0.0", media.port).value();
}

Result<Section> read_section(const sdp::Media& media, NegotiatedTrack track, const std::string& listen) {
  if (media.protocol.find("TLS") != std::string::npos)
    return fail(Errc::unsupported, "The m=" + media.kind +
                                       " line asks for DTLS; plain RTP or SRTP with a=crypto is "
                                       "received here, WebRTC by `rtpx serve`.");
  Section out{std::move(track), {}, {}, media.rtcp_mux, media.rtcp_port.value_or(0)};
  auto keys = sdes_keys(media);
  if (!keys) return std::unexpected(keys.error());
  const bool secure = media.protocol.find("SAVP") != std::string::npos;
  if (secure && !*keys)
    return fail(Errc::malformed,
                "The m=" + media.kind + " line says SRTP but has no a=crypto line with a key.");
  if (*keys) {
    auto srtp = Srtp::create(**keys, Srtp::Direction::receive);
    if (!srtp) return std::unexpected(srtp.error());
    out.srtp = *std::move(srtp);
  }
  const auto address = listen_address(media, listen);
  if (!address) return std::unexpected(address.error());
  out.rtp = *address;
  return out;
}

Result<std::vector<Section>> read_sections(std::string_view text, const std::string& listen) {
  const auto session = sdp::parse(text);
  if (!session) return std::unexpected(session.error());
  std::vector<Section> out;
  std::set<std::string> used;
  for (std::size_t i = 0; i < session->media.size(); ++i) {
    const sdp::Media& media = session->media[i];
    auto track = recordable_track(media, media.mid.value_or(std::to_string(i)), used);
    if (!track) continue;
    if (out.size() == kMaxTracks)
      return fail(Errc::invalid_argument,
                  "The description has more than " + std::to_string(kMaxTracks) + " tracks.");
    if (track->track.streams.empty()) track->track.streams = {"rtp"};  // what comes together plays together
    auto section = read_section(media, *std::move(track), listen);
    if (!section) return std::unexpected(section.error());
    out.push_back(*std::move(section));
  }
  if (out.empty())
    return fail(Errc::unsupported,
                "The description announces no audio or video that can be recorded: it needs an m-line with "
                "one of VP8, "
                "VP9, AV1, H264, H265, opus, G722, PCMU, PCMA, L16.");
  return out;
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

  Result<void> bind(std::vector<Section> sections);
  UdpEnd run(PacketSink& sink, const std::stop_token& stop);
  [[nodiscard]] Stats stats() const;

  std::vector<MediaStreamTrack> tracks_;
  std::vector<Port> ports_;

 private:
  Result<Group*> group_for(const Section& section, Port& port);
  Result<std::uint16_t> open(const SocketAddress& address, Group* group);
  void read(Socket& socket, PacketSink& sink);
  void on_rtp(Group& group, std::span<std::byte> bytes, Time arrival, PacketSink& sink);
  void on_rtcp(Group& group, Bytes bytes, Time arrival, PacketSink& sink);
  bool decrypt_rtcp(Group& group, Bytes bytes, Bytes& plain);
  [[nodiscard]] std::optional<UdpEnd> end(Time now) const;

  const Options options_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::map<std::string, std::pair<Group*, Port>> by_address_;  // of m-lines with a port of their own
  std::vector<Socket> sockets_;
  std::vector<std::byte> scratch_;
  std::map<std::uint32_t, bool> said_bye_;  // by SSRC seen
  Time started_{}, last_{};
  std::optional<Time> bye_at_;
  mutable std::mutex mutex_;
  Stats stats_;  // under mutex_
};

Result<std::uint16_t> UdpReceiver::Impl::open(const SocketAddress& address, Group* group) {
  auto socket = UdpSocket::bind(address, options_.receive_buffer, kDatagramSize);
  if (!socket) return std::unexpected(socket.error());
  const std::uint16_t port = socket->local().port();
  sockets_.push_back({*std::move(socket), group, {}, 0});
  return port;
}

/// The group of an m-line: one that has its port already, or a new one with its sockets.
Result<Group*> UdpReceiver::Impl::group_for(const Section& section, Port& port) {
  const std::string name = section.rtp.to_string();
  if (const auto known = by_address_.find(name); section.rtp.port() != 0 && known != by_address_.end()) {
    port = known->second.second;
    return known->second.first;
  }
  groups_.push_back(std::make_unique<Group>());
  Group* const group = groups_.back().get();
  const auto rtp = open(section.rtp, group);
  if (!rtp) return std::unexpected(rtp.error());
  port = {section.rtp.ip(), *rtp, *rtp};
  if (!section.mux && section.rtcp_port != *rtp) {
    const auto wanted = static_cast<std::uint16_t>(section.rtcp_port != 0 ? section.rtcp_port : *rtp + 1);
    const auto rtcp = open(section.rtp.with_port(wanted), group);
    if (!rtcp) return std::unexpected(rtcp.error());
    port.rtcp = *rtcp;
  }
  by_address_[name] = {group, port};
  return group;
}

Result<void> UdpReceiver::Impl::bind(std::vector<Section> sections) {
  for (Section& section : sections) {
    Port port;
    const auto group = group_for(section, port);
    if (!group) return std::unexpected(group.error());
    (*group)->numbers.push_back(tracks_.size());
    (*group)->srtp.push_back(std::move(section.srtp));
    tracks_.push_back(section.track.track);
    ports_.push_back(port);
    (*group)->tracks.push_back(std::move(section.track));
  }
  for (const auto& group : groups_) group->demux.emplace(group->tracks, kMaxSsrcs);
  return {};
}

void UdpReceiver::Impl::on_rtp(Group& group, std::span<std::byte> bytes, Time arrival, PacketSink& sink) {
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
    return;
  }
  Bytes plain = bytes;
  if (Srtp& srtp = group.srtp[route->track]) {
    Srtp::Failure why{};
    const auto decrypted = srtp.unprotect_rtp(bytes, why);
    if (!decrypted) {
      const std::lock_guard lock(mutex_);
      ++stats_.undecryptable;
      return;
    }
    plain = *decrypted;
  }
  last_ =
      ReceiveClock::now();  // not the arrival: it may have waited in the socket while the process did not run
  said_bye_[packet->ssrc] = false;
  bye_at_.reset();
  sink.on_rtp(group.numbers[route->track], route->rid_index, plain, arrival);
  const std::lock_guard lock(mutex_);
  ++stats_.packets;
  stats_.bytes += plain.size();
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

void UdpReceiver::Impl::on_rtcp(Group& group, Bytes bytes, Time arrival, PacketSink& sink) {
  Bytes plain;
  if (!decrypt_rtcp(group, bytes, plain)) {
    const std::lock_guard lock(mutex_);
    ++stats_.undecryptable;
    return;
  }
  last_ = ReceiveClock::now();
  std::set<std::size_t> about;
  for (const std::uint32_t ssrc : rtcp::senders(plain))
    if (const Route* const route = group.demux->find(ssrc)) about.insert(route->track);
  if (about.empty() && group.tracks.size() == 1) about.insert(0);
  for (const std::size_t track : about) sink.on_rtcp(group.numbers[track], plain, arrival);
  for (const std::uint32_t ssrc : parse_rtcp(plain).byes)
    if (const auto seen = said_bye_.find(ssrc); seen != said_bye_.end()) seen->second = true;
  if (!said_bye_.empty() && std::ranges::all_of(said_bye_, [](const auto& one) { return one.second; }))
    bye_at_ = last_;
  const std::lock_guard lock(mutex_);
  ++stats_.rtcp_packets;
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
    if (looks_like_rtcp(datagram.bytes))
      on_rtcp(*socket.group, datagram.bytes, arrival, sink);
    else
      on_rtp(*socket.group, datagram.bytes, arrival, sink);
  }
}

std::optional<UdpEnd> UdpReceiver::Impl::end(Time now) const {
  if (bye_at_ && options_.end_on_bye && now - *bye_at_ > kByePatience) return UdpEnd::bye;
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
    if (const auto reason = end(ReceiveClock::now())) return *reason;
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
  auto sections = read_sections(sdp, options.listen);
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
