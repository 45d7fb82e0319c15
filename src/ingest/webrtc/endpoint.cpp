#include "ingest/webrtc/endpoint.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include "base/random_text.hpp"
#include "base/task_thread.hpp"
#include "base/thread.hpp"
#include "ingest/net/udp_socket.hpp"
#include "ingest/webrtc/ice_lite.hpp"
#include "ingest/webrtc/media_shard.hpp"
#include "ingest/webrtc/session.hpp"

namespace rtpx {
namespace {

using Time = ReceiveClock::time_point;

constexpr std::size_t kMaxCandidates = 16, kMaxMediaThreads = 64;

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

/// All of them on one port; 0: any free one. Without addresses given: IPv4, and IPv6 where the machine has
/// it.
Result<std::vector<UdpSocket>> bind_sockets(const WebRtcEndpoint::Options& options, std::uint16_t wanted) {
  const bool everywhere = options.listen.empty();
  const auto addresses =
      parse_addresses(everywhere ? std::vector<std::string>{"0.0.0.0", "::"} : options.listen, wanted);
  if (!addresses) return std::unexpected(addresses.error());
  std::vector<UdpSocket> out;
  for (const SocketAddress& address : *addresses) {
    const std::uint16_t port = out.empty() ? wanted : out.front().local().port();
    auto socket = UdpSocket::bind(address.with_port(port), options.receive_buffer);
    if (!socket) {
      if (everywhere && !out.empty()) break;
      return std::unexpected(socket.error());
    }
    out.push_back(*std::move(socket));
  }
  return out;
}

/// Each media thread's: the n-th has the n-th port from the first on.
Result<std::vector<std::vector<UdpSocket>>> bind_shards(const WebRtcEndpoint::Options& options) {
  if (options.media_threads == 0 || options.media_threads > kMaxMediaThreads)
    return fail(Errc::invalid_argument,
                "There may be 1 to " + std::to_string(kMaxMediaThreads) + " media threads.");
  if (options.udp_port + options.media_threads - 1 > 0xFFFF)
    return fail(Errc::invalid_argument, "Each media thread needs a UDP port of its own, from " +
                                            std::to_string(options.udp_port) + " on.");
  std::vector<std::vector<UdpSocket>> out;
  for (std::size_t i = 0; i < options.media_threads; ++i) {
    const bool any = options.udp_port == 0;
    auto sockets = bind_sockets(options, any ? 0 : static_cast<std::uint16_t>(options.udp_port + i));
    if (!sockets) return std::unexpected(sockets.error());
    out.push_back(*std::move(sockets));
  }
  return out;
}

}  // namespace

class WebRtcEndpoint::Impl {
 public:
  Impl(Options options, std::shared_ptr<DtlsContext> dtls, std::vector<std::vector<UdpSocket>> sockets);
  ~Impl();

  Result<void> run();
  Result<AcceptedSession> accept(std::string_view offer, SessionHandlers handlers);
  Result<PatchedSession> patch(std::string_view id, std::string_view fragment,
                               std::optional<std::string_view> ice_tag);
  /// Asks each shard for the session until one has it.
  template <typename Ask>
  auto find(Ask ask) const {
    auto answer = ask(*shards_.front());
    for (std::size_t i = 1; i < shards_.size() && !answer; ++i) answer = ask(*shards_[i]);
    return answer;
  }
  [[nodiscard]] std::vector<SessionStats> all_session_stats() const;
  [[nodiscard]] EndpointStats stats() const;
  [[nodiscard]] std::uint16_t port() const noexcept { return shards_.front()->port(); }

 private:
  /// A place for a session that is being made.
  struct Place {
    explicit Place(Impl* owner) : of(owner) {}
    Place(Place&& other) noexcept : of(std::exchange(other.of, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place();
    Impl* of;
  };
  [[nodiscard]] Result<Place> reserve();
  [[nodiscard]] bool make_place(Time now);
  [[nodiscard]] std::size_t sessions() const;
  [[nodiscard]] std::size_t unconnected() const;
  [[nodiscard]] std::vector<SocketAddress> candidates(std::size_t shard) const;

  const Options options_;
  const std::shared_ptr<DtlsContext> dtls_;
  std::atomic<std::uint64_t> next_session_number_ = 1;
  std::mutex admission_;
  std::size_t opening_ = 0;  // places taken by sessions that no shard has yet
  TaskThread handlers_;      // runs what the sessions' owners want to hear
  std::thread handlers_thread_;
  std::vector<std::unique_ptr<MediaShard>> shards_;
};

WebRtcEndpoint::Impl::Impl(Options options, std::shared_ptr<DtlsContext> dtls,
                           std::vector<std::vector<UdpSocket>> sockets)
    : options_(std::move(options)), dtls_(std::move(dtls)) {
  for (auto& some : sockets)
    shards_.push_back(std::make_unique<MediaShard>(options_, std::move(some), handlers_));
}

Result<void> WebRtcEndpoint::Impl::run() {
  handlers_thread_ = start_thread("rtpx-handlers", [this] { handlers_.run(); });
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const std::string name = "rtpx-media";
    if (auto running = shards_[i]->run(i == 0 ? name : name + std::to_string(i + 1)); !running)
      return running;
  }
  return {};
}

/// The shards stay while handlers run, which may ask for anything.
WebRtcEndpoint::Impl::~Impl() {
  for (const auto& shard : shards_) shard->stop();
  handlers_.stop();
  if (handlers_thread_.joinable()) handlers_thread_.join();
}

WebRtcEndpoint::Impl::Place::~Place() {
  if (of == nullptr) return;
  const std::lock_guard lock(of->admission_);
  --of->opening_;
}

std::size_t WebRtcEndpoint::Impl::sessions() const {
  std::size_t out = 0;
  for (const auto& shard : shards_) out += shard->sessions();
  return out;
}

std::size_t WebRtcEndpoint::Impl::unconnected() const {
  std::size_t out = 0;
  for (const auto& shard : shards_)
    out += shard->sessions() - std::min(shard->sessions(), shard->connected_sessions());
  return out;
}

/// The addresses of one shard's port. An advertised port is the first shard's; the others' follow it.
std::vector<SocketAddress> WebRtcEndpoint::Impl::candidates(std::size_t which) const {
  const MediaShard& shard = *shards_[which];
  std::vector<SocketAddress> out;
  for (const std::string& text : options_.advertise) {
    const auto bare = SocketAddress::parse_with_port(text, 0);
    if (!bare) continue;
    out.push_back(
        bare->with_port(bare->port() == 0 ? shard.port() : static_cast<std::uint16_t>(bare->port() + which)));
  }
  if (out.empty()) {
    const auto every = local_addresses(shard.port());
    for (const UdpSocket& socket : shard.sockets()) {
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
/// False: all have just begun.
bool WebRtcEndpoint::Impl::make_place(Time now) {
  std::optional<MediaShard::Waiting> oldest;
  MediaShard* of = nullptr;
  for (const auto& shard : shards_) {
    auto waiting = shard->waits_longest(now);
    if (!waiting || (oldest && oldest->rank <= waiting->rank)) continue;
    oldest = std::move(waiting);
    of = shard.get();
  }
  return of != nullptr && of->give_up(oldest->id);
}

/// Takes one of the places for sessions.
Result<WebRtcEndpoint::Impl::Place> WebRtcEndpoint::Impl::reserve() {
  const std::lock_guard lock(admission_);
  const auto all_taken = [&] { return sessions() + opening_ >= options_.max_sessions; };
  const auto all_waiting = [&] { return unconnected() + opening_ >= options_.max_unconnected; };
  if (all_taken() || all_waiting()) (void)make_place(ReceiveClock::now());
  if (all_taken())
    return fail(Errc::denied, "The recorder has all the sessions that it may have (" +
                                  std::to_string(options_.max_sessions) + "); try again later.");
  if (all_waiting())
    return fail(Errc::denied, "Too many sessions are waiting for their publisher (" +
                                  std::to_string(options_.max_unconnected) + "); try again later.");
  ++opening_;
  return Place(this);
}

Result<AcceptedSession> WebRtcEndpoint::Impl::accept(std::string_view offer, SessionHandlers handlers) {
  auto negotiation =
      negotiate(offer, {.max_tracks = options_.max_tracks, .max_bytes = options_.max_offer_bytes});
  if (!negotiation) return std::unexpected(negotiation.error());
  const auto place = reserve();
  if (!place) return std::unexpected(place.error());

  AcceptedSession out{.id = random_text(22)};
  for (const NegotiatedTrack& track : negotiation->tracks) out.tracks.push_back(track.track);
  Result<std::shared_ptr<PacketSink>> sink = fail(Errc::internal, "The session's handler failed.");
  try {
    if (handlers.open) sink = handlers.open(out.id, out.tracks);
  } catch (...) {
  }
  if (!sink) return std::unexpected(sink.error());

  const auto least = std::ranges::min_element(shards_, {}, [](const auto& one) { return one->sessions(); });
  MediaShard& shard = **least;
  auto peer = std::make_unique<WebRtcPeer>(make_ice_credentials(), ReceiveClock::now());
  peer->handlers = std::move(handlers);
  peer->local = {peer->ice.current().ufrag, peer->ice.current().pwd,
                 dtls_->fingerprint(),      candidates(static_cast<std::size_t>(least - shards_.begin())),
                 next_session_number_++,    options_.max_bits_per_second};
  out.answer_sdp = write_answer(*negotiation, peer->local);
  out.ice_tag = peer->local.ufrag;
  Session::Config config{.id = out.id,
                         .max_ssrcs = options_.max_ssrcs,
                         .max_bits_per_second = options_.max_bits_per_second,
                         .max_bytes = options_.max_bytes,
                         .max_duration = options_.max_duration,
                         .silence_timeout = options_.silence_timeout,
                         .connect_timeout = options_.connect_timeout,
                         .ssrc = std::random_device{}()};
  const auto send = [to = peer.get()](Bytes bytes) {
    if (to->socket != nullptr) to->socket->send(bytes, to->remote, &to->from);
  };
  peer->session = std::make_unique<Session>(std::move(config), *std::move(negotiation), dtls_,
                                            *std::move(sink), send, ReceiveClock::now());
  shard.add(std::move(peer));
  return out;
}

Result<PatchedSession> WebRtcEndpoint::Impl::patch(std::string_view id, std::string_view text,
                                                   std::optional<std::string_view> ice_tag) {
  if (text.size() > options_.max_offer_bytes)
    return fail(Errc::malformed, "The trickle-ICE fragment is too large.");
  const auto fragment = read_fragment(text);
  if (!fragment) return std::unexpected(fragment.error());
  Result<PatchedSession> out = fail(Errc::not_found, "There is no such session.");
  for (const auto& shard : shards_) {
    out = shard->patch(id, *fragment, ice_tag);
    if (out || out.error().code != Errc::not_found) break;
  }
  return out;
}

std::vector<SessionStats> WebRtcEndpoint::Impl::all_session_stats() const {
  std::vector<SessionStats> out;
  for (const auto& shard : shards_) shard->add_session_stats(out);
  return out;
}

EndpointStats WebRtcEndpoint::Impl::stats() const {
  EndpointStats out;
  for (const auto& shard : shards_) out += shard->stats();
  return out;
}

EndpointStats& EndpointStats::operator+=(const EndpointStats& other) noexcept {
  sessions += other.sessions;
  connected_sessions += other.connected_sessions;
  sessions_accepted += other.sessions_accepted;
  sessions_ended += other.sessions_ended;
  datagrams += other.datagrams;
  bytes += other.bytes;
  stun += other.stun;
  dtls += other.dtls;
  media_packets += other.media_packets;
  dropped += other.dropped;
  lost += other.lost;
  recovered += other.recovered;
  nacks_sent += other.nacks_sent;
  nacks_unanswered += other.nacks_unanswered;
  plis_sent += other.plis_sent;
  feedback_sent += other.feedback_sent;
  return *this;
}

WebRtcEndpoint::WebRtcEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WebRtcEndpoint::~WebRtcEndpoint() = default;

Result<std::unique_ptr<WebRtcEndpoint>> WebRtcEndpoint::start(Options options) {
  auto dtls = DtlsContext::create();
  if (!dtls) return std::unexpected(dtls.error());
  if (const auto advertise = parse_addresses(options.advertise, 0); !advertise)
    return std::unexpected(advertise.error());
  auto sockets = bind_shards(options);
  if (!sockets) return std::unexpected(sockets.error());
  auto impl = std::make_unique<Impl>(std::move(options), *std::move(dtls), *std::move(sockets));
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
Result<void> WebRtcEndpoint::want_keyframes(std::string_view session_id) {
  return impl_->find([&](MediaShard& shard) { return shard.want_keyframes(session_id); });
}

Result<void> WebRtcEndpoint::close(std::string_view session_id, SessionEnd reason) {
  return impl_->find([&](MediaShard& shard) { return shard.close(session_id, reason); });
}
Result<void> WebRtcEndpoint::request_keyframes(std::string_view session_id) {
  return impl_->find([&](MediaShard& shard) { return shard.request_keyframes(session_id); });
}
std::optional<SessionStats> WebRtcEndpoint::stats(std::string_view session_id) const {
  return impl_->find([&](MediaShard& shard) { return shard.session_stats(session_id); });
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
