#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "ingest/net/socket_address.hpp"
#include "ingest/webrtc/ice_lite.hpp"
#include "ingest/webrtc/stun.hpp"
#include "rtpx/track.hpp"

namespace rtpx::whep {

/// Where the peer may be reached, from its description.
struct RemoteCandidate {
  SocketAddress address;
  std::uint32_t priority = 0;
};

/// Type preferences of RFC 8445 section 5.1.2.2.
inline constexpr std::uint32_t kHostPreference = 126, kPeerReflexivePreference = 110,
                               kServerReflexivePreference = 100;
/// RFC 8445 section 5.1.2.1, for the only component; `local_preference` below 65536.
[[nodiscard]] constexpr std::uint32_t candidate_priority(std::uint32_t type_preference,
                                                         std::uint32_t local_preference) noexcept {
  return type_preference << 24U | local_preference << 8U | 255U;
}

/// ICE (RFC 8445) for one component: checks each pair of a socket and an address of the peer, nominates the best one that
/// works, or takes the one that a controlling peer nominates, and asks for consent as long as it is used (RFC 7675). The
/// peer may be full or lite. No socket, no clock. Memory: kMaxPairs.
///
/// A socket is bound to all addresses of its family: the system chooses which one a check leaves from, so there
/// is one base for each family.
class IceAgent {
 public:
  using Time = ReceiveClock::time_point;
  using Send = std::function<void(std::size_t socket, Bytes datagram, const SocketAddress& to)>;

  static constexpr std::size_t kMaxPairs = 64;
  static constexpr auto kConsentTimeout = std::chrono::seconds(30);  ///< RFC 7675 section 5.1

  /// `socket_is_v6`: the family of each socket, the preferred one first.
  IceAgent(IceCredentials local, std::vector<bool> socket_is_v6, Send send);

  /// Who nominates (section 6.1.1): who has offered, or the full agent where the other is lite.
  enum class Role : std::uint8_t { controlling, controlled };

  /// What the peer's description says; checks begin with the next tick().
  void set_remote(IceCredentials remote, const std::vector<RemoteCandidate>& candidates, Role role = Role::controlling);
  /// Sends what is due. Call every 10 ms or so.
  void tick(Time now);
  /// A datagram that looks like STUN. False: it is none that is for us.
  bool on_stun(std::size_t socket, Bytes datagram, const SocketAddress& from, Time now);

  /// A check to this address has been answered by the peer: what comes from there may be its media.
  [[nodiscard]] bool is_proven(std::size_t socket, const SocketAddress& from) const noexcept;

  struct Path {
    std::size_t socket = 0;
    SocketAddress remote;
    bool operator==(const Path&) const = default;
  };
  /// The pair that was nominated.
  [[nodiscard]] const std::optional<Path>& selected() const noexcept { return selected_; }
  /// When the peer last answered on the selected pair.
  [[nodiscard]] Time consented_at() const noexcept { return consented_at_; }
  /// Nothing may be sent any more.
  [[nodiscard]] bool consent_expired(Time now) const noexcept {
    return selected_ && now - consented_at_ > kConsentTimeout;
  }
  /// Pairs that are or were checked.
  [[nodiscard]] std::size_t pairs() const noexcept { return pairs_.size(); }
  /// Checks that the peer has answered, and its own that we have.
  [[nodiscard]] std::uint64_t answered_checks() const noexcept { return answered_; }

 private:
  enum class State : std::uint8_t { waiting, checking, valid, failed };
  struct Pair {
    Path path;
    std::uint64_t priority = 0;
    State state = State::waiting;
    bool proven = false;      // a check was answered, whatever has become of later ones
    bool nominating = false;  // the check under way carries USE-CANDIDATE
    bool nominated = false;   // a check of the controlling peer's has carried it
    stun::TransactionId transaction{};
    int sent = 0;
    Time due{};
  };

  void add_pair(std::size_t socket, const SocketAddress& remote, std::uint32_t remote_priority);
  void start_check(Pair& pair, bool nominate, Time now);
  void send_check(const Pair& pair);
  void retransmit(Pair& pair, Time now);
  void check_next(Time now);
  void nominate(Time now);
  void select(const Pair& pair, Time now);
  void keep_consent(Time now);
  void on_request(std::size_t socket, const stun::Message& request, const SocketAddress& from, Time now);
  bool on_response(std::size_t socket, Bytes datagram, const stun::Message& response, const SocketAddress& from,
                   Time now);
  [[nodiscard]] Pair* find(std::size_t socket, const SocketAddress& remote);
  [[nodiscard]] std::vector<std::byte> make_check(const stun::TransactionId& transaction, bool nominate,
                                                  std::size_t socket) const;

  const IceCredentials local_;
  IceCredentials remote_;
  Role role_ = Role::controlling;
  const std::vector<bool> socket_is_v6_;
  const Send send_;
  std::vector<Pair> pairs_;          // the best first
  std::deque<Path> triggered_;       // checks that the peer's own have asked for
  std::optional<Path> selected_;
  std::optional<Time> first_valid_;
  std::vector<stun::TransactionId> consent_checks_;  // not answered yet, the newest last
  Time next_check_{}, next_consent_{}, consented_at_{};
  std::uint64_t answered_ = 0;
};

}  // namespace rtpx::whep
