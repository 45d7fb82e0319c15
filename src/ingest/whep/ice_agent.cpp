#include "ingest/whep/ice_agent.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace rtpx::whep {
namespace {

using namespace std::chrono_literals;

constexpr auto kPace = 50ms;               // Ta, RFC 8445 section 14.2
constexpr auto kFirstTimeout = 500ms;      // RTO, RFC 8445 section 14.3
constexpr auto kLongestTimeout = 2'000ms;  // a peer that has just read our offer answers late
constexpr int kMostSent = 7;               // Rc, RFC 8489 section 6.2.1
constexpr auto kRetryFailed = 2s;
/// How long a better pair may take to answer once another works.
constexpr auto kPatience = 200ms;
constexpr std::size_t kMaxConsentChecks = 8, kMaxTriggered = 64;
/// With the largest tie-breaker we control wherever both sides would, or neither (RFC 8445 section 7.3.1.1).
constexpr std::uint64_t kTieBreaker = ~std::uint64_t{0};

stun::TransactionId new_transaction() {
  stun::TransactionId out;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size())) != 1) std::abort();
  return out;
}

/// RFC 7675 section 5.1: 5 seconds, by a fifth more or less.
std::chrono::milliseconds consent_pause() {
  unsigned char random = 0;
  if (RAND_bytes(&random, 1) != 1) std::abort();
  return 4'000ms + std::chrono::milliseconds(random * 2'000 / 255);
}

/// RFC 8445 section 6.1.2.3; G is the controlling side's.
std::uint64_t pair_priority(std::uint32_t controlling, std::uint32_t controlled) {
  const std::uint64_t low = std::min(controlling, controlled), high = std::max(controlling, controlled);
  return (low << 32U) + 2 * high + (controlling > controlled ? 1 : 0);
}

}  // namespace

IceAgent::IceAgent(IceCredentials local, std::vector<bool> socket_is_v6, Send send)
    : local_(std::move(local)), socket_is_v6_(std::move(socket_is_v6)), send_(std::move(send)) {}

IceAgent::Pair* IceAgent::find(std::size_t socket, const SocketAddress& remote) {
  const auto at = std::ranges::find(pairs_, Path{socket, remote}, &Pair::path);
  return at == pairs_.end() ? nullptr : &*at;
}

void IceAgent::add_pair(std::size_t socket, const SocketAddress& remote, std::uint32_t remote_priority) {
  if (pairs_.size() == kMaxPairs || find(socket, remote) != nullptr) return;
  const auto local = candidate_priority(kHostPreference, 65'535U - static_cast<std::uint32_t>(socket));
  Pair pair{.path = {socket, remote}, .priority = pair_priority(local, remote_priority)};
  const auto at = std::ranges::find_if(pairs_, [&](const Pair& one) { return one.priority < pair.priority; });
  pairs_.insert(at, std::move(pair));
}

void IceAgent::set_remote(IceCredentials remote, const std::vector<RemoteCandidate>& candidates, Role role) {
  remote_ = std::move(remote);
  role_ = role;
  for (const RemoteCandidate& one : candidates)
    for (std::size_t socket = 0; socket < socket_is_v6_.size(); ++socket)
      if (socket_is_v6_[socket] == one.address.is_v6()) add_pair(socket, one.address, one.priority);
}

std::vector<std::byte> IceAgent::make_check(const stun::TransactionId& transaction, bool nominate,
                                            std::size_t socket) const {
  stun::Writer out(stun::Type::binding_request, transaction);
  out.username(remote_.ufrag + ":" + local_.ufrag);
  out.priority(candidate_priority(kPeerReflexivePreference, 65'535U - static_cast<std::uint32_t>(socket)));
  role_ == Role::controlling ? out.ice_controlling(kTieBreaker) : out.ice_controlled(kTieBreaker);
  if (nominate) out.use_candidate();
  const Bytes bytes = out.finish(remote_.pwd);
  return {bytes.begin(), bytes.end()};
}

void IceAgent::send_check(const Pair& pair) {
  send_(pair.path.socket, make_check(pair.transaction, pair.nominating, pair.path.socket), pair.path.remote);
}

void IceAgent::start_check(Pair& pair, bool nominate, Time now) {
  pair.state = State::checking;
  pair.nominating = nominate;
  pair.transaction = new_transaction();
  pair.sent = 1;
  pair.due = now + kFirstTimeout;
  send_check(pair);
}

void IceAgent::retransmit(Pair& pair, Time now) {
  if (pair.sent == kMostSent) {
    pair.state = State::failed;
    pair.nominating = false;
    pair.due = now + kRetryFailed;
    return;
  }
  pair.due = now + std::min<std::chrono::milliseconds>(kFirstTimeout * (1 << pair.sent), kLongestTimeout);
  ++pair.sent;
  send_check(pair);
}

/// One new check at a time: those that the peer's have asked for first, then by priority (RFC 8445 section 6.1.4.2).
void IceAgent::check_next(Time now) {
  if (now < next_check_) return;
  Pair* next = nullptr;
  while (next == nullptr && !triggered_.empty()) {
    next = find(triggered_.front().socket, triggered_.front().remote);
    if (next != nullptr && (next->state == State::checking || next->state == State::valid)) next = nullptr;
    triggered_.pop_front();
  }
  if (next == nullptr) {
    const auto at = std::ranges::find_if(pairs_, [&](const Pair& pair) {
      return pair.state == State::waiting || (pair.state == State::failed && now >= pair.due);
    });
    if (at != pairs_.end()) next = &*at;
  }
  if (next == nullptr) return;
  next_check_ = now + kPace;
  start_check(*next, false, now);
}

/// Regular nomination (RFC 8445 section 8.1.1).
void IceAgent::nominate(Time now) {
  if (!first_valid_ || role_ != Role::controlling) return;
  if (std::ranges::any_of(pairs_, &Pair::nominating)) return;
  for (Pair& pair : pairs_) {
    if (pair.state == State::valid) {
      start_check(pair, true, now);
      return;
    }
    const bool may_follow = pair.state == State::waiting || pair.state == State::checking;
    if (may_follow && now - *first_valid_ < kPatience) return;
  }
}

void IceAgent::select(const Pair& pair, Time now) {
  if (selected_ == pair.path) return;
  selected_ = pair.path;
  consent_checks_.clear();
  consented_at_ = now;
  next_consent_ = now + consent_pause();
}

void IceAgent::keep_consent(Time now) {
  if (now < next_consent_) return;
  next_consent_ = now + consent_pause();
  if (consent_checks_.size() == kMaxConsentChecks) consent_checks_.erase(consent_checks_.begin());
  consent_checks_.push_back(new_transaction());
  send_(selected_->socket, make_check(consent_checks_.back(), false, selected_->socket), selected_->remote);
}

void IceAgent::tick(Time now) {
  if (remote_.ufrag.empty()) return;
  if (selected_) {
    if (!consent_expired(now)) keep_consent(now);
    return;
  }
  for (Pair& pair : pairs_)
    if (pair.state == State::checking && now >= pair.due) retransmit(pair, now);
  nominate(now);
  check_next(now);
}

bool IceAgent::on_stun(std::size_t socket, Bytes datagram, const SocketAddress& from, Time now) {
  const auto message = stun::parse(datagram);
  if (!message) return false;
  if (message->type == stun::Type::binding_indication) return true;
  if (message->type != stun::Type::binding_request) return on_response(socket, datagram, *message, from, now);
  if (!message->fingerprint || local_ufrag(message->username) != local_.ufrag ||
      !stun::has_integrity(datagram, *message, local_.pwd))
    return false;
  on_request(socket, *message, from, now);
  return true;
}

/// RFC 8445 section 7.3.
void IceAgent::on_request(std::size_t socket, const stun::Message& request, const SocketAddress& from, Time now) {
  const auto refuse = [&](std::uint16_t code, std::string_view reason) {
    stun::Writer refusal(stun::Type::binding_error, request.transaction);
    refusal.error(code, reason);
    if (code == 420) refusal.unknown_attributes(request.unknown_required);
    send_(socket, refusal.finish(local_.pwd), from);
  };
  if (!request.unknown_required.empty()) return refuse(420, "Unknown Attribute");
  if (request.ice_controlling && role_ == Role::controlling) return refuse(487, "Role Conflict");
  if (request.ice_controlled) role_ = Role::controlling;
  stun::Writer success(stun::Type::binding_success, request.transaction);
  success.xor_mapped_address(from);
  send_(socket, success.finish(local_.pwd), from);
  ++answered_;
  if (!selected_) add_pair(socket, from, request.priority.value_or(candidate_priority(kPeerReflexivePreference, 0)));
  if (Pair* const pair = find(socket, from); pair != nullptr && request.use_candidate && role_ == Role::controlled) {
    pair->nominated = true;  // section 7.3.1.5; once our own check is answered too
    if (pair->state == State::valid) select(*pair, now);
  }
  if (selected_) return;
  if (triggered_.size() < kMaxTriggered) triggered_.push_back({socket, from});
}

/// RFC 8445 section 7.2.5.
bool IceAgent::on_response(std::size_t socket, Bytes datagram, const stun::Message& response,
                           const SocketAddress& from, Time now) {
  if (!stun::has_integrity(datagram, response, remote_.pwd)) {
    // An error may come without: what it says is not believed, and the check is repeated.
    return response.type == stun::Type::binding_error;
  }
  if (const auto consent = std::ranges::find(consent_checks_, response.transaction);
      consent != consent_checks_.end()) {
    if (response.type != stun::Type::binding_success || !selected_ || *selected_ != Path{socket, from}) return false;
    consent_checks_.clear();
    consented_at_ = now;
    ++answered_;
    return true;
  }
  const auto pair = std::ranges::find_if(pairs_, [&](const Pair& one) {
    return one.state == State::checking && one.transaction == response.transaction;
  });
  if (pair == pairs_.end() || pair->path != Path{socket, from}) return false;
  const bool nominated = std::exchange(pair->nominating, false);
  if (response.type == stun::Type::binding_error) {
    if (response.error_code == 487) role_ = Role::controlling;  // section 7.2.5.1: nobody controls
    pair->state = State::failed;
    pair->due = now + kRetryFailed;
    return true;
  }
  ++answered_;
  pair->state = State::valid;
  pair->proven = true;
  if (!first_valid_) first_valid_ = now;
  if ((nominated || pair->nominated) && !selected_) select(*pair, now);
  return true;
}

bool IceAgent::is_proven(std::size_t socket, const SocketAddress& from) const noexcept {
  const auto at = std::ranges::find(pairs_, Path{socket, from}, &Pair::path);
  return at != pairs_.end() && at->proven;
}

}  // namespace rtpx::whep
