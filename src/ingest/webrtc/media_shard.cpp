#include "ingest/webrtc/media_shard.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/thread.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimerTick = 10ms;
constexpr int kBatchesPerWake = 8;
/// An address from which authentic media came this recently belongs to its session, whatever STUN says.
constexpr auto kInUse = 10s;
constexpr std::size_t kStatsAtOnce = 64;  // sessions, while packets wait

/// Arrival times come from the kernel, so reading a little later costs nothing, saves a wake-up per packet
/// and brings the packets of one session together. Where packets are rare there is nothing to save.
struct Pace {
  std::chrono::milliseconds pause, rare;
  std::size_t behind;  // datagrams in one wake-up from which on the buffer may be short
};
constexpr Pace kShortBuffer{.pause = 1ms, .rare = 4ms, .behind = 64};
constexpr Pace kLongBuffer{.pause = 5ms, .rare = 12ms, .behind = 1024};
constexpr std::size_t kLong = 4U << 20;  // bytes: 2,000 packets

/// What the media thread does not read in time, the kernel drops. Without the privilege it stays as it is.
void raise_priority() {
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), -10);
}

}  // namespace

MediaShard::MediaShard(WebRtcEndpoint::Options options, std::vector<UdpSocket> sockets, TaskThread& handlers)
    : options_(std::move(options)),
      handlers_(handlers),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      sockets_(std::move(sockets)),
      clocks_(sockets_.size()) {
  pending_.reserve(UdpSocket::kBatch);
}

Result<void> MediaShard::run(const std::string& thread_name) {
  const auto watch = [&](int fd, std::uint64_t data) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = data;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
  };
  bool watched = epoll_ >= 0 && inbox_.fd() >= 0 && watch(inbox_.fd(), sockets_.size());
  for (std::size_t i = 0; i < sockets_.size(); ++i) watched = watched && watch(sockets_[i].fd(), i);
  if (!watched)
    return fail(Errc::io, std::string("Cannot wait for datagrams: ") + std::strerror(errno) + ".");
  thread_ = start_thread(thread_name.c_str(), [this] { media_loop(); });
  return {};
}

MediaShard::~MediaShard() {
  stop();
  if (epoll_ >= 0) ::close(epoll_);
}

void MediaShard::stop() {
  if (!thread_.joinable()) return;
  stop_ = true;
  inbox_.wake();
  thread_.join();
  inbox_.close();
  inbox_.ask([this] {
    const Time now = ReceiveClock::now();
    for (auto& [id, peer] : peers_) peer->session->close(SessionEnd::shutdown);
    while (!peers_.empty()) remove(peers_.begin(), now);
  });
}

// --- the media thread
// ---------------------------------------------------------------------------------------

void MediaShard::media_loop() {
  raise_priority();
  const bool long_buffers =
      std::ranges::all_of(sockets_, [](const UdpSocket& socket) { return socket.receive_buffer() >= kLong; });
  const Pace pace = long_buffers ? kLongBuffer : kShortBuffer;
  std::array<epoll_event, 8> events{};
  Time last_read{};
  while (!stop_) {
    const int ready = epoll_wait(epoll_, events.data(), events.size(), static_cast<int>(kTimerTick.count()));
    now_ = ReceiveClock::now();
    inbox_.answer();
    const std::uint64_t before = totals_.datagrams;
    for (int i = 0; i < ready; ++i)
      if (const std::uint64_t which = events[static_cast<std::size_t>(i)].data.u64; which < sockets_.size())
        receive(which);
    bool busy = false;
    if (const std::uint64_t read = totals_.datagrams - before; read > 0) {
      busy = read < pace.behind && now_ - last_read < pace.rare;
      last_read = now_;
    }
    if (now_ - last_tick_ >= kTimerTick) tick(now_);
    if (busy) {
      pollfd asked{.fd = inbox_.fd(), .events = POLLIN, .revents = 0};
      (void)::poll(&asked, 1, static_cast<int>(pace.pause.count()));
    }
  }
}

void MediaShard::receive(std::size_t which) {
  UdpSocket& socket = sockets_[which];
  for (int i = 0; i < kBatchesPerWake; ++i) {
    const auto batch = socket.receive();
    now_ = ReceiveClock::now();
    clocks_[which].sample(wall_clock_now(), now_);
    for (const Datagram& datagram : batch)
      on_datagram(datagram, socket, clocks_[which].arrival(datagram.kernel_time));
    deliver(socket);
    if (batch.size() < UdpSocket::kBatch) return;
  }
}

/// RFC 7983: the first byte tells STUN, DTLS and SRTP apart.
void MediaShard::on_datagram(const Datagram& datagram, UdpSocket& socket, Time arrival) {
  ++totals_.datagrams;
  totals_.bytes += datagram.bytes.size();
  const std::uint8_t first = datagram.bytes.empty() ? 255 : u8(datagram.bytes[0]);
  const bool stun = first < 4, dtls = first >= 20 && first < 64, srtp = first >= 128 && first < 192;
  if (!srtp) deliver(socket);  // what came before comes first
  if (stun) {
    on_stun(datagram, socket, arrival);
    return;
  }
  if (!dtls && !srtp) {
    totals_.dropped.add(Drop::unknown_protocol);
    return;
  }
  const auto found = paths_.find(datagram.from);
  if (found == paths_.end()) {
    totals_.dropped.add(Drop::unknown_source);
    return;
  }
  if (srtp)
    pending_.push_back({&found->second, &datagram, arrival});
  else
    on_dtls(found->second, datagram, socket, arrival);
}

/// One session's packets after the other's, each session's in the order in which they came: what a session
/// needs is brought into the cache once.
void MediaShard::deliver(UdpSocket& socket) {
  std::ranges::sort(pending_, [](const Pending& a, const Pending& b) {
    return std::pair(a.path->peer, a.datagram) < std::pair(b.path->peer, b.datagram);
  });
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const auto& [path, datagram, arrival] = pending_[i];
    WebRtcPeer& peer = *path->peer;
    if (peer.session->on_srtp(datagram->bytes, arrival)) {
      path->media = arrival;
      if (path->nominated && peer.remote != datagram->from) move(peer, *datagram, socket);
    }
    const bool last_of_peer = i + 1 == pending_.size() || pending_[i + 1].path->peer != &peer;
    if (last_of_peer) hurry(peer, peer.session->next_tick(now_));
  }
  pending_.clear();
}

/// A handshake is answered where it comes from. Later the way of media counts, which nobody else can forge.
void MediaShard::on_dtls(Path& path, const Datagram& datagram, UdpSocket& socket, Time arrival) {
  WebRtcPeer& peer = *path.peer;
  ++totals_.dtls;
  if (!peer.session->connected()) move(peer, datagram, socket);
  peer.session->on_dtls(datagram.bytes, arrival);
  announce(peer);
  hurry(peer, peer.session->next_tick(now_));
}

void MediaShard::move(WebRtcPeer& peer, const Datagram& datagram, UdpSocket& socket) {
  if (peer.socket != nullptr && peer.remote == datagram.from) return;
  if (peer.socket != nullptr) peer.session->on_moved();
  peer.socket = &socket;
  peer.remote = datagram.from;
  peer.from = datagram.to;
}

void MediaShard::on_stun(const Datagram& datagram, UdpSocket& socket, Time arrival) {
  if (take_check(datagram, socket, arrival))
    ++totals_.stun;
  else
    totals_.dropped.add(Drop::stun_refused);
}

/// A check proves an address, but it may be a copy sent by somebody who has seen it: it neither takes an
/// address from a session that sends media from there, nor moves a session that is connected. The media that
/// follows does.
bool MediaShard::take_check(const Datagram& datagram, UdpSocket& socket, Time arrival) {
  const auto request = stun::parse(datagram.bytes);
  if (!request || request->type != stun::Type::binding_request || !request->fingerprint) return false;
  const auto found = by_ufrag_.find(std::string(local_ufrag(request->username)));
  if (found == by_ufrag_.end()) return false;  // silence: an answer would help only those who guess
  WebRtcPeer& peer = *found->second;
  const auto in_use = [&](const SocketAddress& address) {
    const auto path = paths_.find(address);
    if (path == paths_.end()) return false;
    const WebRtcPeer& owner = *path->second.peer;
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
  const bool in_use_here = peer.remote == datagram.from;  // what comes from elsewhere allows nothing there
  peer.session->on_ice_check(in_use_here ? datagram.bytes.size() : 0, in_use_here ? outcome.response.size() : 0,
                             arrival);
  return true;
}

/// Another session may have proven the address since.
void MediaShard::forget(const SocketAddress& address, const WebRtcPeer& peer) {
  const auto found = paths_.find(address);
  if (found != paths_.end() && found->second.peer == &peer) paths_.erase(found);
}

void MediaShard::announce(WebRtcPeer& peer) {
  if (peer.announced || !peer.session->connected()) return;
  peer.announced = true;
  ++connected_;
  if (peer.handlers.connected)
    handlers_.post([call = peer.handlers.connected, id = peer.session->id()] { call(id); });
}

void MediaShard::hurry(const WebRtcPeer& peer, Time due) {
  Time& timer = timers_[peer.timer].due;
  timer = std::min(timer, due);
}

void MediaShard::tick(Time now) {
  last_tick_ = now;
  for (std::size_t i = 0; i < timers_.size();) {
    if (timers_[i].due > now) {
      ++i;
      continue;
    }
    Session& session = *timers_[i].peer->session;
    session.tick(now);
    if (session.ended()) {
      remove(peers_.find(session.id()), now);  // the last one takes its place
      continue;
    }
    timers_[i++].due = session.next_tick(now);
  }
}

void MediaShard::remove(Peers::iterator at, Time now) {
  WebRtcPeer& peer = *at->second;
  for (const std::string& name : peer.ice.ufrags()) by_ufrag_.erase(name);
  for (const SocketAddress& address : peer.ice.addresses()) forget(address, peer);
  timers_[peer.timer] = timers_.back();
  timers_[peer.timer].peer->timer = peer.timer;
  timers_.pop_back();
  std::shared_ptr<PacketSink> sink = peer.session->take_sink(now);
  SessionStats last = stats_of(peer, now);
  count(totals_, last);
  totals_.feedback_sent += peer.session->feedback_sent();
  ++totals_.sessions_ended;
  --sessions_;
  if (peer.announced) --connected_;
  handlers_.post([sink = std::move(sink), call = std::move(peer.handlers.ended), id = at->first,
                  reason = *peer.session->ended(), last = std::move(last)]() mutable {
    sink.reset();
    if (call) call(id, reason, last);
  });
  peers_.erase(at);
}

SessionStats MediaShard::stats_of(const WebRtcPeer& peer, Time now) const {
  SessionStats out = peer.session->stats(now);
  out.udp_port = port();
  if (peer.socket != nullptr) out.remote_address = peer.remote.to_string();
  return out;
}

void MediaShard::count(EndpointStats& into, const SessionStats& of) {
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

// --- for the other threads
// ----------------------------------------------------------------------------------

/// Does `work` on the session, on the media thread.
template <typename Work>
Result<void> MediaShard::with(std::string_view id, Work work) {
  return inbox_.ask([&]() -> Result<void> {
    const auto found = peers_.find(id);
    if (found == peers_.end()) return fail(Errc::not_found, "There is no such session.");
    work(found);
    return {};
  });
}

void MediaShard::add(std::unique_ptr<WebRtcPeer> peer) {
  inbox_.ask([&] {
    by_ufrag_[peer->local.ufrag] = peer.get();
    peer->timer = timers_.size();
    timers_.push_back({Time{}, peer.get()});
    ++totals_.sessions_accepted;
    ++sessions_;
    std::string id = peer->session->id();
    peers_.emplace(std::move(id), std::move(peer));
  });
}

Result<PatchedSession> MediaShard::patch(std::string_view id, const IceFragment& fragment,
                                         std::optional<std::string_view> ice_tag) {
  Result<PatchedSession> out = PatchedSession{};
  const auto restart = [&](Peers::iterator found) {
    WebRtcPeer& peer = *found->second;
    if (ice_tag && *ice_tag != peer.local.ufrag) {
      out = PatchedSession{std::nullopt, peer.local.ufrag, true};
      return;
    }
    Negotiation& negotiation = peer.session->negotiation();
    if (fragment.ufrag.empty() || fragment.ufrag == negotiation.remote_ufrag) {
      out = PatchedSession{std::nullopt, peer.local.ufrag};
      return;
    }
    if (fragment.pwd.empty()) {
      out = fail(Errc::malformed, "The ICE restart has no password (a=ice-pwd).");
      return;
    }
    negotiation.remote_ufrag = fragment.ufrag;
    negotiation.remote_pwd = fragment.pwd;
    const auto before = peer.ice.ufrags();
    peer.ice.restart(make_ice_credentials());
    for (const std::string& name : before)
      if (!peer.ice.knows(name)) by_ufrag_.erase(name);
    peer.local.ufrag = peer.ice.current().ufrag;
    peer.local.pwd = peer.ice.current().pwd;
    by_ufrag_[peer.local.ufrag] = &peer;
    out = PatchedSession{write_fragment(negotiation, peer.local), peer.local.ufrag};
  };
  if (const auto found = with(id, restart); !found) return std::unexpected(found.error());
  return out;
}

Result<void> MediaShard::close(std::string_view id, SessionEnd reason) {
  return with(id, [&](Peers::iterator found) {
    found->second->session->close(reason);
    remove(found, ReceiveClock::now());
  });
}

bool MediaShard::give_up(std::string_view id) {
  bool given_up = false;
  (void)with(id, [&](Peers::iterator found) {
    if (found->second->session->connected()) return;
    found->second->session->close(SessionEnd::never_connected);
    remove(found, ReceiveClock::now());
    given_up = true;
  });
  return given_up;
}

Result<void> MediaShard::request_keyframes(std::string_view id) {
  return with(id, [&](Peers::iterator found) {
    found->second->session->request_keyframes();
    hurry(*found->second, Time{});
  });
}

Result<void> MediaShard::want_keyframes(std::string_view id) {
  return with(id, [&](Peers::iterator found) {
    found->second->session->want_keyframes(ReceiveClock::now(), std::chrono::seconds(2));
    hurry(*found->second, Time{});
  });
}

std::optional<MediaShard::Waiting> MediaShard::waits_longest(Time now) {
  return inbox_.ask([&]() -> std::optional<Waiting> {
    const auto rank = [](const WebRtcPeer& peer) { return std::pair(peer.socket != nullptr, peer.accepted); };
    auto oldest = peers_.end();
    for (auto at = peers_.begin(); at != peers_.end(); ++at) {
      const WebRtcPeer& peer = *at->second;
      if (peer.session->connected() || now - peer.accepted < options_.connect_grace) continue;
      if (oldest == peers_.end() || rank(peer) < rank(*oldest->second)) oldest = at;
    }
    if (oldest == peers_.end()) return std::nullopt;
    return Waiting{rank(*oldest->second), oldest->first};
  });
}

std::optional<SessionStats> MediaShard::session_stats(std::string_view id) {
  std::optional<SessionStats> out;
  (void)with(id, [&](Peers::iterator found) { out = stats_of(*found->second, ReceiveClock::now()); });
  return out;
}

void MediaShard::add_session_stats(std::vector<SessionStats>& out) {
  std::string last;
  while (inbox_.ask([&] {
    auto at = last.empty() ? peers_.begin() : peers_.upper_bound(last);
    for (std::size_t i = 0; i < kStatsAtOnce && at != peers_.end(); ++i, ++at) {
      out.push_back(stats_of(*at->second, ReceiveClock::now()));
      last = at->first;
    }
    return at != peers_.end();
  })) {
  }
}

EndpointStats MediaShard::stats() {
  return inbox_.ask([&] {
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
  });
}

}  // namespace rtpx
