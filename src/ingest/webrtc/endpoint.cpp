#include "ingest/webrtc/endpoint.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/task_thread.hpp"
#include "base/thread.hpp"
#include "ingest/net/arrival_clock.hpp"
#include "ingest/net/udp_socket.hpp"
#include "ingest/webrtc/ice_lite.hpp"
#include "ingest/webrtc/session.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using Time = ReceiveClock::time_point;

constexpr auto kTimerTick = 10ms;
constexpr std::size_t kMaxCandidates = 16;
constexpr int kBatchesPerWake = 8;
/// Arrival times come from the kernel, so reading a little later costs nothing and saves a wake-up per
/// packet. Where packets are rare there is nothing to save.
constexpr auto kPauseWhenBusy = 1ms, kRare = 4ms;
/// An address from which authentic media came this recently belongs to its session, whatever STUN says.
constexpr auto kInUse = 10s;
constexpr std::size_t kBehind = UdpSocket::kBatch;  // datagrams in one wake-up: the buffer may be short

/// What the media thread does not read in time, the kernel drops. Without the privilege it stays as it is.
void raise_priority() {
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), -10);
}

Result<std::vector<SocketAddress>> parse_addresses(const std::vector<std::string>& texts,
                                                   std::uint16_t port) {
  std::vector<SocketAddress> out;
  for (const std::string& text : texts) {
    const auto address = SocketAddress::parse_with_port(text, port);
    if (!address) return fail(Errc::invalid_argument, "\"" + text + "\" is not an IP address.");
    out.push_back(*address);
  }
  return out;
}

/// All of them on one port. Without addresses given: IPv4, and IPv6 where the machine has it.
Result<std::vector<UdpSocket>> bind_sockets(const WebRtcEndpoint::Options& options) {
  const bool everywhere = options.listen.empty();
  const auto addresses = parse_addresses(
      everywhere ? std::vector<std::string>{"0.0.0.0", "::"} : options.listen, options.udp_port);
  if (!addresses) return std::unexpected(addresses.error());
  std::vector<UdpSocket> out;
  for (const SocketAddress& address : *addresses) {
    const std::uint16_t port = out.empty() ? options.udp_port : out.front().local().port();
    auto socket = UdpSocket::bind(address.with_port(port), options.receive_buffer);
    if (!socket) {
      if (everywhere && !out.empty()) break;
      return std::unexpected(socket.error());
    }
    out.push_back(*std::move(socket));
  }
  return out;
}

}  // namespace

class WebRtcEndpoint::Impl {
 public:
  Impl(Options options, std::shared_ptr<DtlsContext> dtls, std::vector<UdpSocket> sockets,
       std::vector<SocketAddress> advertise)
      : options_(std::move(options)),
        dtls_(std::move(dtls)),
        sockets_(std::move(sockets)),
        advertise_(std::move(advertise)),
        clocks_(sockets_.size()),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Impl();

  Result<void> run();
  Result<AcceptedSession> accept(std::string_view offer, SessionHandlers handlers);
  Result<PatchedSession> patch(std::string_view id, std::string_view fragment,
                               std::optional<std::string_view> ice_tag);
  Result<void> close(std::string_view id, SessionEnd reason);
  [[nodiscard]] std::optional<SessionStats> session_stats(std::string_view id) const;
  [[nodiscard]] std::vector<SessionStats> all_session_stats() const;
  [[nodiscard]] EndpointStats stats() const;
  [[nodiscard]] std::uint16_t port() const noexcept { return sockets_.front().local().port(); }

 private:
  /// A session and the way to its publisher.
  struct Peer {
    Peer(IceCredentials credentials, Time now) : ice(std::move(credentials)), accepted(now) {}
    IceLite ice;
    std::unique_ptr<Session> session;
    SessionHandlers handlers;
    LocalTransport local;
    UdpSocket* socket = nullptr;  // null until the first valid check
    SocketAddress remote, from;
    Time accepted;
    bool announced = false;  // handlers.connected was posted
  };
  /// An address that a STUN check has proven for a session.
  struct Path {
    Peer* peer = nullptr;
    Time media{};            // the last authentic packet from there
    bool nominated = false;  // by USE-CANDIDATE
  };

  void media_loop();
  void receive(std::size_t socket);
  void on_datagram(const Datagram& datagram, UdpSocket& socket, Time arrival);
  void on_stun(const Datagram& datagram, UdpSocket& socket, Time arrival);
  [[nodiscard]] bool take_check(const Datagram& datagram, UdpSocket& socket, Time arrival);
  static void move(Peer& peer, const Datagram& datagram, UdpSocket& socket);
  void tick(Time now);
  void forget(const SocketAddress& address, const Peer& peer);
  void announce(Peer& peer);
  void remove(std::map<std::string, std::unique_ptr<Peer>, std::less<>>::iterator at, Time now);
  [[nodiscard]] SessionStats stats_of(const Peer& peer, Time now) const;
  [[nodiscard]] std::vector<SocketAddress> candidates() const;
  [[nodiscard]] bool make_place(Time now);
  [[nodiscard]] Result<void> reserve();
  static void count(EndpointStats& into, const SessionStats& of);

  const Options options_;
  const std::shared_ptr<DtlsContext> dtls_;
  std::vector<UdpSocket> sockets_;
  const std::vector<SocketAddress> advertise_;
  std::vector<ArrivalClock> clocks_;
  const int epoll_, wake_;
  std::atomic<bool> stop_ = false;

  mutable std::mutex mutex_;  // all below; the media thread takes it once for each wake-up
  std::map<std::string, std::unique_ptr<Peer>, std::less<>> peers_;
  std::unordered_map<std::string, Peer*> by_ufrag_;
  std::unordered_map<SocketAddress, Path, SocketAddressHash> paths_;
  std::size_t opening_ = 0;  // accept() calls that wait for SessionHandlers::open
  EndpointStats totals_;
  Time last_tick_{};
  std::uint64_t next_session_number_ = 1;

  TaskThread handlers_;  // runs what the session's owner wants to hear
  std::thread handlers_thread_, media_thread_;
};

Result<void> WebRtcEndpoint::Impl::run() {
  const auto watch = [&](int fd, std::uint64_t data) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = data;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
  };
  bool watched = epoll_ >= 0 && wake_ >= 0 && watch(wake_, sockets_.size());
  for (std::size_t i = 0; i < sockets_.size(); ++i) watched = watched && watch(sockets_[i].fd(), i);
  if (!watched)
    return fail(Errc::io, std::string("Cannot wait for datagrams: ") + std::strerror(errno) + ".");
  handlers_thread_ = start_thread("rtpx-handlers", [this] { handlers_.run(); });
  media_thread_ = start_thread("rtpx-media", [this] { media_loop(); });
  return {};
}

WebRtcEndpoint::Impl::~Impl() {
  stop_ = true;
  const std::uint64_t one = 1;
  if (wake_ >= 0) (void)!::write(wake_, &one, sizeof one);
  if (media_thread_.joinable()) media_thread_.join();
  {
    const std::lock_guard lock(mutex_);
    const Time now = ReceiveClock::now();
    for (auto& [id, peer] : peers_) peer->session->close(SessionEnd::shutdown);
    while (!peers_.empty()) remove(peers_.begin(), now);
  }
  handlers_.stop();
  if (handlers_thread_.joinable()) handlers_thread_.join();
  if (epoll_ >= 0) ::close(epoll_);
  if (wake_ >= 0) ::close(wake_);
}

void WebRtcEndpoint::Impl::media_loop() {
  raise_priority();
  std::array<epoll_event, 8> events{};
  Time last_read{};
  while (!stop_) {
    const int ready = epoll_wait(epoll_, events.data(), events.size(), static_cast<int>(kTimerTick.count()));
    bool busy = false;
    {
      const std::lock_guard lock(mutex_);
      const std::uint64_t before = totals_.datagrams;
      for (int i = 0; i < ready; ++i)
        if (const std::uint64_t which = events[static_cast<std::size_t>(i)].data.u64; which < sockets_.size())
          receive(which);
      const Time now = ReceiveClock::now();
      if (const std::uint64_t read = totals_.datagrams - before; read > 0) {
        busy = read < kBehind && now - last_read < kRare;
        last_read = now;
      }
      if (now - last_tick_ >= kTimerTick) tick(now);
    }
    if (busy) std::this_thread::sleep_for(kPauseWhenBusy);
  }
}

void WebRtcEndpoint::Impl::receive(std::size_t which) {
  UdpSocket& socket = sockets_[which];
  for (int i = 0; i < kBatchesPerWake; ++i) {
    const auto batch = socket.receive();
    clocks_[which].sample(wall_clock_now(), ReceiveClock::now());
    for (const Datagram& datagram : batch)
      on_datagram(datagram, socket, clocks_[which].arrival(datagram.kernel_time));
    if (batch.size() < UdpSocket::kBatch) return;
  }
}

/// RFC 7983: the first byte tells STUN, DTLS and SRTP apart.
void WebRtcEndpoint::Impl::on_datagram(const Datagram& datagram, UdpSocket& socket, Time arrival) {
  ++totals_.datagrams;
  totals_.bytes += datagram.bytes.size();
  const std::uint8_t first = datagram.bytes.empty() ? 255 : u8(datagram.bytes[0]);
  if (first < 4) {
    on_stun(datagram, socket, arrival);
    return;
  }
  const bool dtls = first >= 20 && first < 64, srtp = first >= 128 && first < 192;
  if (!dtls && !srtp) {
    totals_.dropped.add(Drop::unknown_protocol);
    return;
  }
  const auto found = paths_.find(datagram.from);
  if (found == paths_.end()) {
    totals_.dropped.add(Drop::unknown_source);
    return;
  }
  Path& path = found->second;
  Peer& peer = *path.peer;
  if (srtp) {
    if (!peer.session->on_srtp(datagram.bytes, arrival)) return;
    path.media = arrival;
    if (path.nominated && peer.remote != datagram.from) move(peer, datagram, socket);
  } else {
    ++totals_.dtls;
    // A handshake is answered where it comes from. Later the way of media counts, which nobody else can
    // forge.
    if (!peer.session->connected()) move(peer, datagram, socket);
    peer.session->on_dtls(datagram.bytes, arrival);
    announce(peer);
  }
}

void WebRtcEndpoint::Impl::move(Peer& peer, const Datagram& datagram, UdpSocket& socket) {
  if (peer.socket != nullptr && peer.remote == datagram.from) return;
  if (peer.socket != nullptr) peer.session->on_moved();
  peer.socket = &socket;
  peer.remote = datagram.from;
  peer.from = datagram.to;
}

void WebRtcEndpoint::Impl::on_stun(const Datagram& datagram, UdpSocket& socket, Time arrival) {
  if (take_check(datagram, socket, arrival))
    ++totals_.stun;
  else
    totals_.dropped.add(Drop::stun_refused);
}

/// A check proves an address, but it may be a copy sent by somebody who has seen it: it neither takes an
/// address from a session that sends media from there, nor moves a session that is connected. The media that
/// follows does.
bool WebRtcEndpoint::Impl::take_check(const Datagram& datagram, UdpSocket& socket, Time arrival) {
  const auto request = stun::parse(datagram.bytes);
  if (!request || request->type != stun::Type::binding_request || !request->fingerprint) return false;
  const auto found = by_ufrag_.find(std::string(local_ufrag(request->username)));
  if (found == by_ufrag_.end()) return false;  // silence: an answer would help only those who guess
  Peer& peer = *found->second;
  const auto in_use = [&](const SocketAddress& address) {
    const auto path = paths_.find(address);
    if (path == paths_.end()) return false;
    const Peer& owner = *path->second.peer;
    return arrival - path->second.media < kInUse || (owner.session->connected() && owner.remote == address);
  };
  const auto known = paths_.find(datagram.from);
  if (known != paths_.end() && known->second.peer != &peer && in_use(datagram.from)) return false;
  const IceLite::Outcome outcome = peer.ice.on_request(datagram.bytes, *request, datagram.from, in_use);
  socket.send(outcome.response, datagram.from, &datagram.to);
  if (!outcome.valid) return false;
  for (const std::string& name : outcome.retired) by_ufrag_.erase(name);
  if (outcome.forgotten) forget(*outcome.forgotten, peer);
  Path& path = paths_[datagram.from];
  if (path.peer != &peer) path = {.peer = &peer};
  path.nominated |= request->use_candidate;
  if (peer.socket == nullptr || (request->use_candidate && !peer.session->connected()))
    move(peer, datagram, socket);
  peer.session->on_ice_check(datagram.bytes.size(), arrival);
  return true;
}

/// Another session may have proven the address since.
void WebRtcEndpoint::Impl::forget(const SocketAddress& address, const Peer& peer) {
  const auto found = paths_.find(address);
  if (found != paths_.end() && found->second.peer == &peer) paths_.erase(found);
}

void WebRtcEndpoint::Impl::announce(Peer& peer) {
  if (peer.announced || !peer.session->connected()) return;
  peer.announced = true;
  if (peer.handlers.connected)
    handlers_.post([call = peer.handlers.connected, id = peer.session->id()] { call(id); });
}

void WebRtcEndpoint::Impl::tick(Time now) {
  last_tick_ = now;
  for (auto at = peers_.begin(); at != peers_.end();) {
    const auto next = std::next(at);
    at->second->session->tick(now);
    if (at->second->session->ended()) remove(at, now);
    at = next;
  }
}

void WebRtcEndpoint::Impl::remove(std::map<std::string, std::unique_ptr<Peer>, std::less<>>::iterator at,
                                  Time now) {
  Peer& peer = *at->second;
  for (const std::string& name : peer.ice.ufrags()) by_ufrag_.erase(name);
  for (const SocketAddress& address : peer.ice.addresses()) forget(address, peer);
  std::shared_ptr<PacketSink> sink = peer.session->take_sink(now);
  SessionStats last = stats_of(peer, now);
  count(totals_, last);
  totals_.feedback_sent += peer.session->feedback_sent();
  ++totals_.sessions_ended;
  handlers_.post([sink = std::move(sink), call = std::move(peer.handlers.ended), id = at->first,
                  reason = *peer.session->ended(), last = std::move(last)]() mutable {
    sink.reset();
    if (call) call(id, reason, last);
  });
  peers_.erase(at);
}

std::vector<SocketAddress> WebRtcEndpoint::Impl::candidates() const {
  std::vector<SocketAddress> out = advertise_;
  if (out.empty()) {
    const auto every = local_addresses(port());
    for (const UdpSocket& socket : sockets_) {
      const SocketAddress local = socket.local();
      if (!local.is_any()) out.push_back(local);
      for (const SocketAddress& one : every)
        if (local.is_any() && one.is_v6() == local.is_v6()) out.push_back(one);
    }
    std::ranges::stable_partition(out, [](const SocketAddress& one) { return !one.is_loopback(); });
  }
  if (out.size() > kMaxCandidates) out.resize(kMaxCandidates);
  return out;
}

/// Ends the session that has waited longest for its publisher, so that those who never come keep nobody out.
/// One that has shown itself by a STUN request stays while there are others. False: all have just begun.
bool WebRtcEndpoint::Impl::make_place(Time now) {
  const auto rank = [](const Peer& peer) { return std::pair(peer.socket != nullptr, peer.accepted); };
  auto oldest = peers_.end();
  for (auto at = peers_.begin(); at != peers_.end(); ++at) {
    const Peer& peer = *at->second;
    if (peer.session->connected() || now - peer.accepted < options_.connect_grace) continue;
    if (oldest == peers_.end() || rank(peer) < rank(*oldest->second)) oldest = at;
  }
  if (oldest == peers_.end()) return false;
  oldest->second->session->close(SessionEnd::never_connected);
  remove(oldest, now);
  return true;
}

/// Takes one of the places for sessions.
Result<void> WebRtcEndpoint::Impl::reserve() {
  const std::lock_guard lock(mutex_);
  auto waiting = static_cast<std::size_t>(
      std::ranges::count_if(peers_, [](const auto& one) { return !one.second->session->connected(); }));
  const bool full =
      peers_.size() + opening_ >= options_.max_sessions || waiting + opening_ >= options_.max_unconnected;
  if (full && make_place(ReceiveClock::now())) --waiting;
  if (peers_.size() + opening_ >= options_.max_sessions)
    return fail(Errc::denied, "The recorder has all the sessions that it may have (" +
                                  std::to_string(options_.max_sessions) + "); try again later.");
  if (waiting + opening_ >= options_.max_unconnected)
    return fail(Errc::denied, "Too many sessions are waiting for their publisher (" +
                                  std::to_string(options_.max_unconnected) + "); try again later.");
  ++opening_;
  return {};
}

Result<AcceptedSession> WebRtcEndpoint::Impl::accept(std::string_view offer, SessionHandlers handlers) {
  auto negotiation =
      negotiate(offer, {.max_tracks = options_.max_tracks, .max_bytes = options_.max_offer_bytes});
  if (!negotiation) return std::unexpected(negotiation.error());
  if (const auto reserved = reserve(); !reserved) return std::unexpected(reserved.error());

  AcceptedSession out{.id = random_text(22)};
  for (const NegotiatedTrack& track : negotiation->tracks) out.tracks.push_back(track.track);
  Result<std::shared_ptr<PacketSink>> sink = fail(Errc::internal, "The session's handler failed.");
  try {
    if (handlers.open) sink = handlers.open(out.id, out.tracks);
  } catch (...) {
  }
  const std::lock_guard lock(mutex_);
  --opening_;
  if (!sink) return std::unexpected(sink.error());

  auto peer = std::make_unique<Peer>(make_ice_credentials(), ReceiveClock::now());
  peer->handlers = std::move(handlers);
  peer->local = {peer->ice.current().ufrag, peer->ice.current().pwd,     dtls_->fingerprint(), candidates(),
                 next_session_number_++,    options_.max_bits_per_second};
  out.answer_sdp = write_answer(*negotiation, peer->local);
  out.ice_tag = peer->local.ufrag;
  std::uint32_t ssrc = 0;
  std::memcpy(&ssrc, random_text(4).data(), sizeof ssrc);
  Session::Config config{.id = out.id,
                         .max_ssrcs = options_.max_ssrcs,
                         .max_bits_per_second = options_.max_bits_per_second,
                         .max_bytes = options_.max_bytes,
                         .max_duration = options_.max_duration,
                         .silence_timeout = options_.silence_timeout,
                         .connect_timeout = options_.connect_timeout,
                         .ssrc = ssrc};
  const auto send = [to = peer.get()](Bytes bytes) {
    if (to->socket != nullptr) to->socket->send(bytes, to->remote, &to->from);
  };
  peer->session = std::make_unique<Session>(std::move(config), *std::move(negotiation), dtls_,
                                            *std::move(sink), send, ReceiveClock::now());
  by_ufrag_[peer->local.ufrag] = peer.get();
  peers_.emplace(out.id, std::move(peer));
  ++totals_.sessions_accepted;
  return out;
}

Result<PatchedSession> WebRtcEndpoint::Impl::patch(std::string_view id, std::string_view text,
                                                   std::optional<std::string_view> ice_tag) {
  if (text.size() > options_.max_offer_bytes)
    return fail(Errc::malformed, "The trickle-ICE fragment is too large.");
  const auto fragment = read_fragment(text);
  if (!fragment) return std::unexpected(fragment.error());
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(id);
  if (found == peers_.end()) return fail(Errc::not_found, "There is no such session.");
  Peer& peer = *found->second;
  if (ice_tag && *ice_tag != peer.local.ufrag) return PatchedSession{std::nullopt, peer.local.ufrag, true};
  Negotiation& negotiation = peer.session->negotiation();
  if (fragment->ufrag.empty() || fragment->ufrag == negotiation.remote_ufrag)
    return PatchedSession{std::nullopt, peer.local.ufrag};
  if (fragment->pwd.empty()) return fail(Errc::malformed, "The ICE restart has no password (a=ice-pwd).");
  negotiation.remote_ufrag = fragment->ufrag;
  negotiation.remote_pwd = fragment->pwd;
  const auto before = peer.ice.ufrags();
  peer.ice.restart(make_ice_credentials());
  for (const std::string& name : before)
    if (!peer.ice.knows(name)) by_ufrag_.erase(name);
  peer.local.ufrag = peer.ice.current().ufrag;
  peer.local.pwd = peer.ice.current().pwd;
  by_ufrag_[peer.local.ufrag] = &peer;
  return PatchedSession{write_fragment(negotiation, peer.local), peer.local.ufrag};
}

Result<void> WebRtcEndpoint::Impl::close(std::string_view id, SessionEnd reason) {
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(id);
  if (found == peers_.end()) return fail(Errc::not_found, "There is no such session.");
  found->second->session->close(reason);
  remove(found, ReceiveClock::now());
  return {};
}

SessionStats WebRtcEndpoint::Impl::stats_of(const Peer& peer, Time now) const {
  SessionStats out = peer.session->stats(now);
  if (peer.socket != nullptr) out.remote_address = peer.remote.to_string();
  return out;
}

std::optional<SessionStats> WebRtcEndpoint::Impl::session_stats(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(id);
  if (found == peers_.end()) return std::nullopt;
  return stats_of(*found->second, ReceiveClock::now());
}

std::vector<SessionStats> WebRtcEndpoint::Impl::all_session_stats() const {
  const std::lock_guard lock(mutex_);
  std::vector<SessionStats> out;
  for (const auto& [id, peer] : peers_) out.push_back(stats_of(*peer, ReceiveClock::now()));
  return out;
}

void WebRtcEndpoint::Impl::count(EndpointStats& into, const SessionStats& of) {
  into.media_packets += of.packets;
  into.dropped += of.dropped;
  for (const TrackStats& track : of.tracks) {
    for (const StreamStats& stream : track.streams) {
      into.lost += stream.lost;
      into.recovered += stream.recovered;
      into.nacks_sent += stream.nacks_sent;
      into.nacks_unanswered += stream.nacks_unanswered;
      into.plis_sent += stream.plis_sent;
    }
  }
}

EndpointStats WebRtcEndpoint::Impl::stats() const {
  const std::lock_guard lock(mutex_);
  EndpointStats out = totals_;
  const Time now = ReceiveClock::now();
  for (const auto& [id, peer] : peers_) {
    ++out.sessions;
    out.connected_sessions += peer->session->connected() ? 1 : 0;
    count(out, peer->session->stats(now));
    out.feedback_sent += peer->session->feedback_sent();
  }
  for (const UdpSocket& socket : sockets_) {
    out.dropped.add(Drop::kernel, socket.dropped_by_kernel());
    out.dropped.add(Drop::oversized, socket.oversized());
    out.datagrams += socket.oversized();
  }
  return out;
}

WebRtcEndpoint::WebRtcEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WebRtcEndpoint::~WebRtcEndpoint() = default;

Result<std::unique_ptr<WebRtcEndpoint>> WebRtcEndpoint::start(Options options) {
  auto dtls = DtlsContext::create();
  if (!dtls) return std::unexpected(dtls.error());
  auto sockets = bind_sockets(options);
  if (!sockets) return std::unexpected(sockets.error());
  auto advertise = parse_addresses(options.advertise, sockets->front().local().port());
  if (!advertise) return std::unexpected(advertise.error());
  auto impl = std::make_unique<Impl>(std::move(options), *std::move(dtls), *std::move(sockets),
                                     *std::move(advertise));
  if (auto running = impl->run(); !running) return std::unexpected(running.error());
  return std::unique_ptr<WebRtcEndpoint>(new WebRtcEndpoint(std::move(impl)));
}

Result<AcceptedSession> WebRtcEndpoint::accept(std::string_view offer_sdp, SessionHandlers handlers) {
  return impl_->accept(offer_sdp, std::move(handlers));
}
Result<PatchedSession> WebRtcEndpoint::patch(std::string_view session_id, std::string_view sdp_fragment,
                                             std::optional<std::string_view> ice_tag) {
  return impl_->patch(session_id, sdp_fragment, ice_tag);
}
Result<void> WebRtcEndpoint::close(std::string_view session_id, SessionEnd reason) {
  return impl_->close(session_id, reason);
}
std::optional<SessionStats> WebRtcEndpoint::stats(std::string_view session_id) const {
  return impl_->session_stats(session_id);
}
std::vector<SessionStats> WebRtcEndpoint::session_stats() const {
  return impl_->all_session_stats();
}
EndpointStats WebRtcEndpoint::stats() const {
  return impl_->stats();
}
std::uint16_t WebRtcEndpoint::udp_port() const noexcept {
  return impl_->port();
}

}  // namespace rtpx
