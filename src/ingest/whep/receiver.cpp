#include "ingest/whep/receiver.hpp"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>

#include "base/ascii.hpp"
#include "ingest/net/arrival_clock.hpp"
#include "ingest/net/udp_socket.hpp"
#include "ingest/webrtc/negotiation.hpp"
#include "ingest/webrtc/session.hpp"
#include "ingest/whep/answer_candidates.hpp"
#include "ingest/whep/http_exchange.hpp"
#include "ingest/whep/ice_agent.hpp"
#include "ingest/whep/links.hpp"
#include "ingest/whep/offer.hpp"
#include "ingest/whep/reflexive.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using Time = ReceiveClock::time_point;
using Milliseconds = std::chrono::milliseconds;

constexpr auto kPollTimeout = 10ms;
constexpr auto kFirstBackoff = 1'000ms, kLongestBackoff = 30'000ms;
constexpr auto kLongestRetryAfter = 300'000ms;
constexpr auto kGoodConnection = 10s;  // after one that lasted so long, the backoff begins anew
constexpr auto kEndingTimeout = 5'000ms, kOptionsTimeout = 5'000ms;
constexpr std::size_t kMaxOfferedCandidates = 16;
constexpr std::size_t kMaxTrackStats = 1'000;
constexpr std::size_t kMaxQuoted = 200;  // of what a server says
constexpr auto kKeyframesApart = 2s;

/// Why a connection could not be had, or ended.
struct Failure {
  Error why;
  bool for_good = false;
  std::optional<Milliseconds> not_before;  // Retry-After
};

/// What a server says, for a message: one line of printable ASCII.
std::string excerpt(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxQuoted)) out += c >= ' ' && c < 0x7F ? c : ' ';
  return out;
}

/// Statuses that will be the same tomorrow. 404 and 409 are what servers say of a stream that nobody sends yet.
bool refuses_for_good(long status) {
  return status >= 300 && status < 500 && status != 404 && status != 408 && status != 409 && status != 425 &&
         status != 429;
}

/// `sent`: "offer" or "answer".
std::string meaning_of(long status, const std::string& sent) {
  switch (status) {
    case 400:
    case 406:
    case 415:
    case 422:
      return "it does not take the " + sent;
    case 401:
    case 403:
      return "the token is missing or wrong";
    case 404:
    case 409:
      return "nobody sends there now";
    case 405:
      return "the URL is not a WHEP endpoint";
    case 429:
      return "too many requests";
    default:
      return status >= 500 ? "it has a fault, or no room" : "no WHEP server answers so";
  }
}

Failure refusal(const whep::HttpAnswer& answer, const std::string& sent) {
  std::string message =
      "The WHEP server answers " + std::to_string(answer.status) + ": " + meaning_of(answer.status, sent);
  if (const auto type = answer.header("content-type");
      !answer.body.empty() && type && (type->starts_with("text/plain") || type->find("json") != type->npos))
    message += " (\"" + excerpt(answer.body) + "\")";
  const Errc code = answer.status == 401 || answer.status == 403 ? Errc::denied
                    : answer.status == 404                        ? Errc::not_found
                    : answer.status == 406                        ? Errc::unsupported
                                                                  : Errc::network;
  Failure out{{code, message + "."}, refuses_for_good(answer.status), std::nullopt};
  if (const auto after = answer.retry_after())
    out.not_before = std::min<Milliseconds>(std::min<std::chrono::seconds>(*after, 1h), kLongestRetryAfter);
  return out;
}

Failure from_error(Error error) {
  const bool for_good = error.code == Errc::invalid_argument || error.code == Errc::denied ||
                        error.code == Errc::unsupported || error.code == Errc::internal;
  return {std::move(error), for_good, std::nullopt};
}

std::string sentence_for(SessionEnd reason) {
  switch (reason) {
    case SessionEnd::close_notify:
    case SessionEnd::bye:
      return "The WHEP server has ended the connection.";
    case SessionEnd::silence:
      return "The WHEP server has fallen silent.";
    case SessionEnd::never_connected:
      return "The DTLS handshake with the WHEP server was not done in time.";
    case SessionEnd::dtls_failed:
      return "The DTLS handshake with the WHEP server failed.";
    case SessionEnd::wrong_fingerprint:
      return "The WHEP server's certificate is not the one of its answer.";
    default:
      return std::string("The connection has ended: ") + to_string(reason) + ".";
  }
}

bool names_this_machine(const std::string& host) {
  if (host == "localhost") return true;
  const auto address = SocketAddress::parse(host, 1);
  return address && address->is_loopback();
}

/// A 406 with an offer of the server's own (draft-ietf-wish-whep-04 section 4.2.2).
bool is_counter_offer(const whep::HttpAnswer& answer) {
  const auto type = answer.header("content-type");
  return answer.status == 406 && type && lower(*type).starts_with("application/sdp");
}

/// What the server's description says: of an answer, or of an offer of its own.
struct Understood {
  Negotiation negotiation;
  std::vector<whep::RemoteCandidate> candidates;
};

/// What belongs to one connection, from the sockets to the session at the server.
struct Connection {
  std::vector<UdpSocket> sockets;
  std::vector<ArrivalClock> clocks;
  std::vector<std::uint64_t> kernel_drops;
  std::optional<whep::IceAgent> ice;
  std::unique_ptr<Session> session;
  std::string session_url;  // empty: the server told none
  bool told_connected = false;

  void send(Bytes datagram) {
    if (ice && ice->selected()) sockets[ice->selected()->socket].send(datagram, ice->selected()->remote);
  }
};

}  // namespace

const char* to_string(WhepEnd reason) noexcept {
  switch (reason) {
    case WhepEnd::stopped:
      return "stopped";
    case WhepEnd::gone:
      return "gone";
    case WhepEnd::refused:
      return "refused";
    case WhepEnd::sink_failed:
      return "sink_failed";
    case WhepEnd::max_duration:
      return "max_duration";
    case WhepEnd::max_bytes:
      return "max_bytes";
  }
  return "unknown";
}

class WhepReceiver::Impl {
 public:
  Impl(Options options, Handlers handlers, std::shared_ptr<DtlsContext> dtls)
      : options_(std::move(options)), handlers_(std::move(handlers)), dtls_(std::move(dtls)) {}

  WhepEnd run(const std::stop_token& stop);
  [[nodiscard]] Stats stats() const;

  std::atomic<bool> keyframes_wanted_ = false, somebody_watches_ = false;

 private:
  template <typename T>
  using Attempt = Expected<T, Failure>;

  [[nodiscard]] Attempt<std::unique_ptr<Connection>> connect(const std::stop_token& stop);
  [[nodiscard]] Attempt<void> open_sockets(Connection& connection) const;
  [[nodiscard]] std::vector<SocketAddress> host_candidates(const Connection& connection) const;
  void learn_stun_servers(const whep::HttpAnswer& answer);
  [[nodiscard]] Attempt<void> negotiate_with(Connection& connection, const whep::HttpAnswer& answer,
                                             const LocalTransport& local, const std::stop_token& stop);
  [[nodiscard]] Attempt<Understood> understand(const whep::HttpAnswer& answer, const std::string& description) const;
  [[nodiscard]] Attempt<void> answer_offer(const Connection& connection, const Understood& offer, LocalTransport local,
                                           const std::stop_token& stop) const;
  [[nodiscard]] Attempt<void> begin(Connection& connection, Understood&& understood, whep::IceAgent::Role role);
  [[nodiscard]] std::optional<Failure> play(Connection& connection, const std::stop_token& stop);
  void receive(Connection& connection, std::size_t socket);
  void on_datagram(Connection& connection, std::size_t socket, const Datagram& datagram, Time arrival);
  [[nodiscard]] std::optional<Failure> ended(Connection& connection, Time now);
  void finish(Connection& connection, SessionEnd reason);
  void leave(const Connection& connection) const;
  [[nodiscard]] bool wait(Milliseconds duration, const std::stop_token& stop);
  [[nodiscard]] std::uint64_t bytes_left() const;
  [[nodiscard]] bool is_late(Time now);

  const Options options_;
  const Handlers handlers_;
  const std::shared_ptr<DtlsContext> dtls_;
  std::vector<std::string> linked_stun_;  // of the server's Link headers
  bool asked_for_links_ = false;
  std::optional<Time> first_connected_;
  std::optional<WhepEnd> end_;
  std::uint64_t next_session_number_ = 1;
  std::minstd_rand random_{std::random_device()()};

  mutable std::mutex mutex_;  // all below
  Stats stats_;               // of connections that are over
  Connection* current_ = nullptr;
};

/// One port for both families; without IPv6 on the machine, IPv4 alone.
WhepReceiver::Impl::Attempt<void> WhepReceiver::Impl::open_sockets(Connection& connection) const {
  const bool everywhere = options_.listen.empty();
  const std::vector<std::string> addresses =
      everywhere ? std::vector<std::string>{"0.0.0.0", "::"} : std::vector<std::string>{options_.listen};
  for (const std::string& text : addresses) {
    const auto address = SocketAddress::parse(text, 0);
    auto socket = UdpSocket::bind(*address, options_.receive_buffer);
    if (!socket) {
      if (everywhere && !connection.sockets.empty()) break;
      return std::unexpected(from_error(socket.error()));
    }
    connection.sockets.push_back(*std::move(socket));
  }
  connection.clocks.resize(connection.sockets.size());
  connection.kernel_drops.resize(connection.sockets.size());
  return {};
}

/// Loopback addresses are told to servers on this machine only (RFC 8445 section 5.1.1.1).
std::vector<SocketAddress> WhepReceiver::Impl::host_candidates(const Connection& connection) const {
  const bool local_server = names_this_machine(whep::host_of(options_.url));
  std::vector<SocketAddress> out;
  for (const UdpSocket& socket : connection.sockets) {
    if (!socket.local().is_any()) out.push_back(socket.local());
    for (const SocketAddress& one : local_addresses(socket.local().port()))
      if (socket.local().is_any() && one.is_v6() == socket.local().is_v6() && (local_server || !one.is_loopback()))
        out.push_back(one);
  }
  if (out.size() > kMaxOfferedCandidates) out.resize(kMaxOfferedCandidates);
  return out;
}

void WhepReceiver::Impl::learn_stun_servers(const whep::HttpAnswer& answer) {
  for (const auto& [name, value] : answer.headers) {
    if (name != "link") continue;
    for (std::string& uri : whep::ice_server_links(value))
      if (linked_stun_.size() < whep::kMaxIceServers &&
          std::ranges::find(linked_stun_, uri) == linked_stun_.end())
        linked_stun_.push_back(std::move(uri));
  }
}

WhepReceiver::Impl::Attempt<std::unique_ptr<Connection>> WhepReceiver::Impl::connect(const std::stop_token& stop) {
  auto out = std::make_unique<Connection>();
  if (auto opened = open_sockets(*out); !opened) return std::unexpected(opened.error());

  // Candidates stand in the offer: STUN servers that the server names must be known before it. It may tell them to
  // OPTIONS (RFC 9725 section 4.6); whatever else it says to that is of no weight.
  if (options_.stun.empty() && !std::exchange(asked_for_links_, true) &&
      !names_this_machine(whep::host_of(options_.url))) {
    const auto answer = whep::exchange(
        {.method = "OPTIONS", .url = options_.url, .token = options_.token, .content_type = {}, .body = {},
         .timeout = kOptionsTimeout},
        options_.may_reach, stop);
    if (answer && answer->status / 100 == 2) learn_stun_servers(*answer);
  }
  std::vector<std::string> stun = options_.stun;
  stun.insert(stun.end(), linked_stun_.begin(), linked_stun_.end());
  const auto reflexive =
      whep::gather_reflexive(out->sockets, whep::resolve_stun_servers(stun, options_.may_reach), stop);

  const IceCredentials credentials = make_ice_credentials();
  LocalTransport local{.ufrag = credentials.ufrag,
                       .pwd = credentials.pwd,
                       .fingerprint = dtls_->fingerprint(),
                       .candidates = host_candidates(*out),
                       .session_number = next_session_number_++,
                       .full_ice = true};
  std::vector<SocketAddress> bases;
  std::vector<bool> families;
  for (const UdpSocket& socket : out->sockets) {
    const bool v6 = socket.local().is_v6();
    const auto base = std::ranges::find(local.candidates, v6, &SocketAddress::is_v6);
    bases.push_back(base != local.candidates.end() ? *base : socket.local());
    families.push_back(v6);
  }
  local.reflexive = whep::reflexive_lines(local, reflexive, bases);
  auto answer = whep::exchange({.method = "POST",
                                .url = options_.url,
                                .token = options_.token,
                                .content_type = "application/sdp",
                                .body = whep::write_offer(local)},
                               options_.may_reach, stop);
  if (!answer) return std::unexpected(from_error(answer.error()));
  learn_stun_servers(*answer);
  if (const auto location = answer->header("location"); location && answer->status / 100 != 3)
    if (auto url = whep::resolve_url(answer->url, std::string(*location))) out->session_url = *std::move(url);
  out->ice.emplace(credentials, families,
                   [connection = out.get()](std::size_t socket, Bytes datagram, const SocketAddress& to) {
                     connection->sockets[socket].send(datagram, to);
                   });
  if (auto begun = negotiate_with(*out, *answer, local, stop); !begun) {
    leave(*out);
    return std::unexpected(begun.error());
  }
  return out;
}

/// By what the server has said to our offer.
WhepReceiver::Impl::Attempt<void> WhepReceiver::Impl::negotiate_with(Connection& connection, const whep::HttpAnswer& answer,
                                                                     const LocalTransport& local,
                                                                     const std::stop_token& stop) {
  using Role = whep::IceAgent::Role;
  const bool counter_offer = is_counter_offer(answer);
  // 201 by the draft; some answer 200.
  if (!counter_offer && answer.status != 201 && answer.status != 200) return std::unexpected(refusal(answer, "offer"));
  auto understood = understand(answer, counter_offer ? "The counter-offer" : "The answer");
  if (!understood) return std::unexpected(understood.error());
  if (!counter_offer) return begin(connection, *std::move(understood), Role::controlling);
  if (auto answered = answer_offer(connection, *understood, local, stop); !answered) return answered;
  const Role role = understood->negotiation.offer.ice_lite ? Role::controlling : Role::controlled;
  return begin(connection, *std::move(understood), role);
}

WhepReceiver::Impl::Attempt<Understood> WhepReceiver::Impl::understand(const whep::HttpAnswer& answer,
                                                                       const std::string& description) const {
  auto negotiation = negotiate(answer.body, {.max_bytes = whep::kMaxAnswerBytes, .description = description});
  if (!negotiation) return std::unexpected(Failure{negotiation.error(), true, std::nullopt});
  auto candidates = whep::answer_candidates(negotiation->offer, options_.may_reach);
  if (candidates.usable.empty() && candidates.refused > 0)
    return std::unexpected(Failure{
        {Errc::denied, "The WHEP server offers media only from addresses that may not be reached."}, true, {}});
  return Understood{*std::move(negotiation), std::move(candidates.usable)};
}

/// PATCH of the session (draft-ietf-wish-whep-04 section 4.2.2). An offer is valid for 30 s or as long as it says; it is
/// answered at once.
WhepReceiver::Impl::Attempt<void> WhepReceiver::Impl::answer_offer(const Connection& connection, const Understood& offer,
                                                                   LocalTransport local, const std::stop_token& stop) const {
  if (connection.session_url.empty())
    return std::unexpected(Failure{
        {Errc::unsupported, "The WHEP server makes a counter-offer and names no session (Location) to answer it at."}, true, {}});
  const bool own = whep::same_origin(connection.session_url, options_.url);
  const auto taken = whep::exchange({.method = "PATCH",
                                     .url = connection.session_url,
                                     .token = own ? options_.token : std::string(),
                                     .content_type = "application/sdp",
                                     .body = write_answer(offer.negotiation, local)},
                                    options_.may_reach, stop);
  if (!taken) return std::unexpected(from_error(taken.error()));
  if (taken->status / 100 != 2) return std::unexpected(refusal(*taken, "answer to its counter-offer"));
  return {};
}

WhepReceiver::Impl::Attempt<void> WhepReceiver::Impl::begin(Connection& connection, Understood&& understood,
                                                            whep::IceAgent::Role role) {
  Negotiation& negotiation = understood.negotiation;
  connection.ice->set_remote({negotiation.remote_ufrag, negotiation.remote_pwd}, understood.candidates, role);
  std::vector<MediaStreamTrack> tracks;
  for (const NegotiatedTrack& one : negotiation.tracks) tracks.push_back(one.track);
  auto sink = handlers_.open(tracks);
  if (!sink) {
    end_ = WhepEnd::sink_failed;
    return std::unexpected(Failure{sink.error(), true, std::nullopt});
  }
  const Session::Config config{.id = {},
                               .max_ssrcs = options_.max_ssrcs,
                               .max_bits_per_second = options_.max_bits_per_second,
                               .max_bytes = bytes_left(),
                               .silence_timeout = options_.silence_timeout,
                               .connect_timeout = options_.connect_timeout,
                               .ssrc = static_cast<std::uint32_t>(random_())};
  connection.session = std::make_unique<Session>(config, std::move(negotiation), dtls_, *std::move(sink),
                                                 [&connection](Bytes out) { connection.send(out); },
                                                 ReceiveClock::now());
  return {};
}

/// RFC 7983: the first byte tells STUN, DTLS and SRTP apart.
void WhepReceiver::Impl::on_datagram(Connection& connection, std::size_t socket, const Datagram& datagram,
                                     Time arrival) {
  const std::uint8_t first = datagram.bytes.empty() ? 255 : u8(datagram.bytes[0]);
  if (first < 4) {
    if (!connection.ice->on_stun(socket, datagram.bytes, datagram.from, arrival)) stats_.dropped.add(Drop::stun_refused);
    return;
  }
  const bool dtls = first >= 20 && first < 64, srtp = first >= 128 && first < 192;
  if (!dtls && !srtp)
    stats_.dropped.add(Drop::unknown_protocol);
  else if (!connection.ice->is_proven(socket, datagram.from))
    stats_.dropped.add(Drop::unknown_source);
  else if (srtp)
    (void)connection.session->on_srtp(datagram.bytes, arrival);
  else
    connection.session->on_dtls(datagram.bytes, arrival);
}

void WhepReceiver::Impl::receive(Connection& connection, std::size_t which) {
  UdpSocket& socket = connection.sockets[which];
  ArrivalClock& clock = connection.clocks[which];
  const auto batch = socket.receive();
  clock.sample(wall_clock_now(), ReceiveClock::now());
  const std::uint64_t dropped = socket.dropped_by_kernel();
  stats_.dropped.add(Drop::kernel, dropped - std::exchange(connection.kernel_drops[which], dropped));
  for (const Datagram& datagram : batch)
    on_datagram(connection, which, datagram, clock.arrival(datagram.kernel_time));
}

std::optional<Failure> WhepReceiver::Impl::ended(Connection& connection, Time now) {
  const auto failure = [](Errc code, std::string why) { return Failure{{code, std::move(why)}, false, std::nullopt}; };
  if (connection.ice->consent_expired(now))
    return failure(Errc::network, "The WHEP server does not consent to the connection any more (RFC 7675).");
  const auto reason = connection.session->ended();
  if (!reason) return std::nullopt;
  if (*reason == SessionEnd::never_connected && !connection.ice->selected())
    return failure(Errc::network,
                   connection.ice->pairs() == 0
                       ? "The WHEP server's answer has no address that can be reached, and it sent no check either."
                       : "None of the WHEP server's addresses answers (ICE).");
  return failure(Errc::network, sentence_for(*reason));
}

/// Receives until the connection is lost; nullopt: it shall end.
std::optional<Failure> WhepReceiver::Impl::play(Connection& connection, const std::stop_token& stop) {
  std::vector<pollfd> waiting;
  for (const UdpSocket& socket : connection.sockets) waiting.push_back({socket.fd(), POLLIN, 0});
  std::uint64_t checks = 0;
  std::optional<Time> consented;
  while (!stop.stop_requested()) {
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(kPollTimeout.count()));
    std::unique_lock lock(mutex_);
    for (std::size_t i = 0; ready > 0 && i < waiting.size(); ++i)
      if (waiting[i].revents != 0) receive(connection, i);
    const Time now = ReceiveClock::now();
    connection.ice->tick(now);
    const bool fresh = std::exchange(checks, connection.ice->answered_checks()) != checks;
    if (connection.ice->selected() && (fresh || std::exchange(consented, now) == std::nullopt))
      connection.session->on_consent(now);
    if (keyframes_wanted_.exchange(false)) connection.session->request_keyframes();
    if (somebody_watches_.exchange(false)) connection.session->want_keyframes(now, kKeyframesApart);
    connection.session->tick(now);
    if (connection.session->connected() && !std::exchange(connection.told_connected, true)) {
      ++stats_.connections;
      if (!first_connected_) first_connected_ = now;
      lock.unlock();
      if (handlers_.connected) handlers_.connected();
      lock.lock();
    }
    if (connection.session->ended() == SessionEnd::max_bytes) end_ = WhepEnd::max_bytes;
    if (is_late(now)) return std::nullopt;
    if (auto failure = ended(connection, now)) return failure;
  }
  end_ = WhepEnd::stopped;
  return std::nullopt;
}

/// Of Options::max_bytes, for the next connection; 0: no limit.
std::uint64_t WhepReceiver::Impl::bytes_left() const {
  const std::lock_guard lock(mutex_);
  if (options_.max_bytes == 0) return 0;
  return options_.max_bytes > stats_.bytes ? options_.max_bytes - stats_.bytes : 1;
}

bool WhepReceiver::Impl::is_late(Time now) {
  if (options_.max_duration > 0s && first_connected_ && now - *first_connected_ >= options_.max_duration)
    end_ = WhepEnd::max_duration;
  return end_.has_value();
}

/// Keeps what the connection leaves to be told, and lets go of its sink.
void WhepReceiver::Impl::finish(Connection& connection, SessionEnd reason) {
  const std::lock_guard lock(mutex_);
  current_ = nullptr;
  if (connection.session == nullptr) return;
  if (!connection.ice->consent_expired(ReceiveClock::now())) connection.session->close(reason);
  const Time now = ReceiveClock::now();
  (void)connection.session->take_sink(now);
  stats_.session = connection.session->stats(now);
  stats_.packets += stats_.session.packets;
  stats_.bytes += stats_.session.bytes;
  stats_.dropped += stats_.session.dropped;
  for (const TrackStats& track : stats_.session.tracks)
    if (stats_.tracks.size() < kMaxTrackStats) stats_.tracks.push_back(track);
}

/// DELETE; a server that does not take it ends the session by itself some time later.
void WhepReceiver::Impl::leave(const Connection& connection) const {
  if (connection.session_url.empty()) return;
  const bool own = whep::same_origin(connection.session_url, options_.url);
  (void)whep::exchange({.method = "DELETE",
                        .url = connection.session_url,
                        .token = own ? options_.token : std::string(),
                        .content_type = {},
                        .body = {},
                        .timeout = kEndingTimeout},
                       options_.may_reach, {});
}

/// False: stopped.
bool WhepReceiver::Impl::wait(Milliseconds duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any sleeping;
  std::unique_lock lock(mutex);
  (void)sleeping.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

WhepEnd WhepReceiver::Impl::run(const std::stop_token& stop) {
  Milliseconds backoff = kFirstBackoff;
  Time without_since = ReceiveClock::now();
  while (true) {
    std::optional<Failure> failure;
    auto connection = connect(stop);
    if (!connection) {
      failure = std::move(connection.error());
    } else {
      const Time began = ReceiveClock::now();
      {
        const std::lock_guard lock(mutex_);
        current_ = connection->get();
      }
      failure = play(**connection, stop);
      finish(**connection, failure ? SessionEnd::silence : SessionEnd::closed);
      leave(**connection);
      const Time now = ReceiveClock::now();
      if ((*connection)->told_connected) without_since = now;
      if ((*connection)->told_connected && now - began > kGoodConnection) backoff = kFirstBackoff;
    }
    if (stop.stop_requested()) return WhepEnd::stopped;
    if (!failure) return end_.value_or(WhepEnd::stopped);

    const auto jitter = std::uniform_int_distribution(80, 120)(random_);
    const Milliseconds pause = std::max(backoff * jitter / 100, failure->not_before.value_or(0ms));
    backoff = std::min<Milliseconds>(backoff * 2, kLongestBackoff);
    const bool late = ReceiveClock::now() + pause - without_since > options_.retry_for;
    const bool again = !failure->for_good && !late && !end_;
    {
      const std::lock_guard lock(mutex_);
      stats_.last_error = failure->why;
    }
    if (handlers_.lost) handlers_.lost(failure->why, again ? std::optional(pause) : std::nullopt);
    if (!again) return end_.value_or(failure->for_good ? WhepEnd::refused : WhepEnd::gone);
    if (!wait(pause, stop)) return WhepEnd::stopped;
    if (is_late(ReceiveClock::now())) return *end_;
  }
}

WhepReceiver::Stats WhepReceiver::Impl::stats() const {
  const std::lock_guard lock(mutex_);
  Stats out = stats_;
  if (current_ == nullptr || current_->session == nullptr) {
    out.session.connected = false;
    return out;
  }
  out.session = current_->session->stats(ReceiveClock::now());
  out.connected = out.session.connected;
  if (const auto& path = current_->ice->selected()) out.session.remote_address = path->remote.to_string();
  out.packets += out.session.packets;
  out.bytes += out.session.bytes;
  out.dropped += out.session.dropped;
  out.tracks.insert(out.tracks.end(), out.session.tracks.begin(), out.session.tracks.end());
  return out;
}

WhepReceiver::WhepReceiver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WhepReceiver::~WhepReceiver() = default;

Result<std::unique_ptr<WhepReceiver>> WhepReceiver::create(Options options, Handlers handlers) {
  const auto url = whep::resolve_url(options.url, "");
  if (!url || whep::host_of(options.url).empty())
    return fail(Errc::invalid_argument, "The WHEP server's URL is not an http or https URL.");
  if (!options.listen.empty() && !SocketAddress::parse(options.listen, 0))
    return fail(Errc::invalid_argument, "\"" + options.listen + "\" is not an IP address.");
  for (const std::string& uri : options.stun)
    if (!whep::parse_stun_uri(uri))
      return fail(Errc::invalid_argument, "\"" + uri + "\" is not a STUN server, such as stun:stun.example.net:3478.");
  const auto printable = [](char c) { return c > ' ' && c < 0x7F; };
  if (!std::ranges::all_of(options.token, printable))
    return fail(Errc::invalid_argument, "The token has other characters than a bearer token may have (RFC 6750).");
  auto dtls = DtlsContext::create();
  if (!dtls) return std::unexpected(dtls.error());
  return std::unique_ptr<WhepReceiver>(
      new WhepReceiver(std::make_unique<Impl>(std::move(options), std::move(handlers), *std::move(dtls))));
}

WhepEnd WhepReceiver::run(const std::stop_token& stop) {
  return impl_->run(stop);
}
WhepReceiver::Stats WhepReceiver::stats() const {
  return impl_->stats();
}
void WhepReceiver::request_keyframes() noexcept {
  impl_->keyframes_wanted_.store(true);
}
void WhepReceiver::want_keyframes() noexcept {
  impl_->somebody_watches_.store(true);
}

}  // namespace rtpx
