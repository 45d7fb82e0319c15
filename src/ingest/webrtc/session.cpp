#include "ingest/webrtc/session.hpp"

#include <algorithm>

#include "rtp/packet.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;

constexpr auto kHandshakeTick = 10ms;  // DTLS has timers of its own
constexpr auto kEndsTick = 100ms;      // how closely the time limits of a session are kept
constexpr auto kByePatience = 1s;      // a sender that reconfigures says BYE and goes on with new SSRCs
/// Counted as received once in a session's life, so that three or four hellos of ours fit the limit, not one:
/// FFmpeg sends a single check, and throws away the first hello, which only tells it to begin. Who knows the
/// password has posted an offer for it, of more bytes than this lets out.
constexpr std::size_t kHelloAllowance = 200;
constexpr std::size_t kMinRtp = 12, kMinRtcp = 8;

}  // namespace

const char* to_string(SessionEnd reason) noexcept {
  switch (reason) {
    case SessionEnd::closed:
      return "closed";
    case SessionEnd::close_notify:
      return "close_notify";
    case SessionEnd::bye:
      return "bye";
    case SessionEnd::silence:
      return "silence";
    case SessionEnd::never_connected:
      return "never_connected";
    case SessionEnd::dtls_failed:
      return "dtls_failed";
    case SessionEnd::wrong_fingerprint:
      return "wrong_fingerprint";
    case SessionEnd::max_duration:
      return "max_duration";
    case SessionEnd::max_bytes:
      return "max_bytes";
    case SessionEnd::replaced:
      return "replaced";
    case SessionEnd::shutdown:
      return "shutdown";
  }
  return "unknown";
}

Session::Session(Config config, Negotiation negotiation, std::shared_ptr<DtlsContext> dtls,
                 std::shared_ptr<PacketSink> sink, std::function<void(Bytes)> send, Time now)
    : config_(std::move(config)),
      negotiation_(std::move(negotiation)),
      send_(std::move(send)),
      dtls_(std::move(dtls), negotiation_.dtls_role, negotiation_.fingerprints,
            [this](Bytes out) { send_(out); }),
      streams_(negotiation_.tracks, {.ssrc = config_.ssrc, .max_sources = config_.max_ssrcs}, drops_),
      limit_(config_.max_bits_per_second + config_.max_bits_per_second / 2),
      started_(now),
      last_valid_(now) {
  dtls_.limit_until_answered();
  streams_.set_sink(std::move(sink));
  streams_.on_forgotten = [this](std::uint32_t ssrc) { inbound_.forget(ssrc); };
}

void Session::on_ice_check(std::size_t size, std::size_t answer, Time now) {
  last_valid_ = std::max(last_valid_, now);
  ++checks_;
  if (negotiation_.dtls_role != Dtls::Role::client || connected() || ended_) return;
  dtls_.count_others(size, answer);
  if (std::exchange(dtls_started_, true)) return;
  dtls_.count_others(kHelloAllowance, 0);
  dtls_.start();
}

void Session::on_consent(Time now) {
  last_valid_ = std::max(last_valid_, now);
  ++checks_;
  if (connected() || ended_) return;
  dtls_.lift_limit();
  if (negotiation_.dtls_role == Dtls::Role::client && !std::exchange(dtls_started_, true)) dtls_.start();
}

void Session::on_dtls(Bytes datagram, Time now) {
  if (ended_) return;
  dtls_.receive(datagram);
  if (dtls_.state() == Dtls::State::connected && !inbound_) on_connected(now);
  check_ends(now);
}

void Session::on_connected(Time now) {
  auto inbound = Srtp::create(dtls_.remote_keys(), Srtp::Direction::receive);
  auto outbound = Srtp::create(dtls_.local_keys(), Srtp::Direction::send);
  if (!inbound || !outbound) {
    close(SessionEnd::dtls_failed);
    return;
  }
  inbound_ = *std::move(inbound);
  outbound_ = *std::move(outbound);
  connected_at_ = last_valid_ = now;
  streams_.report_from(now + 200ms);
}

/// Nothing is learned from, or charged to the publisher for, what is not authentic.
bool Session::on_srtp(std::span<std::byte> datagram, Time arrival) {
  const bool rtcp = looks_like_rtcp(datagram);
  std::optional<Drop> why_not;
  if (ended_)
    why_not = Drop::after_end;
  else if (datagram.size() < (rtcp ? kMinRtcp : kMinRtp))
    why_not = Drop::malformed;
  else if (!inbound_)
    why_not = Drop::before_keys;
  if (why_not) {
    drops_.add(*why_not);
    return false;
  }
  Srtp::Failure why = Srtp::Failure::none;
  const auto plain = rtcp ? inbound_.unprotect_rtcp(datagram, why) : inbound_.unprotect_rtp(datagram, why);
  if (!plain) {
    drops_.add(why == Srtp::Failure::replayed ? Drop::replayed : Drop::undecryptable);
    return false;
  }
  last_valid_ = std::max(last_valid_, arrival);
  if (!limit_.allows(datagram.size(), arrival)) {
    drops_.add(Drop::over_bit_rate);
    return true;
  }
  if (rtcp ? streams_.on_rtcp(*plain, arrival) : streams_.on_rtp(*plain, arrival)) {
    ++packets_;
    bytes_ += plain->size();
    rate_.add(plain->size(), arrival);
  }
  if (config_.max_bytes != 0 && bytes_ >= config_.max_bytes) close(SessionEnd::max_bytes);
  return true;
}

void Session::tick(Time now) {
  if (ended_) return;
  if (!connected()) {
    if (const auto left = dtls_.next_timer(); left && *left <= 0us) dtls_.on_timer();
  } else {
    streams_.send_feedback(now, [this](const rtcp::Buffer& compound) { send_rtcp(compound); });
  }
  check_ends(now);
}

Session::Time Session::next_tick(Time now) const noexcept {
  if (ended_) return now;
  if (!connected()) return now + kHandshakeTick;
  return std::min<Time>(streams_.next_feedback(now), now + kEndsTick);
}

void Session::send_rtcp(const rtcp::Buffer& compound) {
  scratch_.assign(compound.begin(), compound.end());
  scratch_.resize(compound.size() + Srtp::kOverhead);
  if (const auto cipher = outbound_.protect_rtcp(scratch_, compound.size())) {
    send_(*cipher);
    ++feedback_sent_;
  }
}

std::shared_ptr<PacketSink> Session::take_sink(Time now) {
  streams_.finish(now);
  return streams_.take_sink();
}

void Session::close(SessionEnd reason) {
  if (ended_) return;
  if (connected()) send_rtcp(streams_.bye());
  dtls_.close();
  ended_ = reason;
}

void Session::check_ends(Time now) {
  if (ended_) return;
  switch (dtls_.state()) {
    case Dtls::State::closed:
      ended_ = SessionEnd::close_notify;
      return;
    case Dtls::State::failed:
      ended_ = SessionEnd::dtls_failed;
      return;
    case Dtls::State::wrong_fingerprint:
      ended_ = SessionEnd::wrong_fingerprint;
      return;
    case Dtls::State::handshaking:
      if (now - started_ > config_.connect_timeout) ended_ = SessionEnd::never_connected;
      return;
    case Dtls::State::connected:
      break;
  }
  if (now - last_valid_ > config_.silence_timeout) close(SessionEnd::silence);
  if (const auto bye_at = streams_.bye_at(); bye_at && now - *bye_at > kByePatience) close(SessionEnd::bye);
  if (config_.max_duration > 0s && now - connected_at_ >= config_.max_duration)
    close(SessionEnd::max_duration);
}

SessionStats Session::stats(Time now) const {
  const auto ms = [](auto duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
  };
  SessionStats out{.id = config_.id, .connected = connected()};
  out.age = ms(now - started_);
  out.silent_for = ms(std::max(now - last_valid_, Time::duration::zero()));
  out.stun_checks = checks_;
  if (const auto rtt = streams_.round_trip())
    out.rtt_ms = std::chrono::duration<double, std::milli>(*rtt).count();
  out.packets = packets_;
  out.bytes = bytes_;
  out.bits_per_second = rate_.bits_per_second(now);
  out.dropped = drops_;
  out.tracks = streams_.stats(now);
  return out;
}

}  // namespace rtpx
