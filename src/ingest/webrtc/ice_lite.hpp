#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/net/socket_address.hpp"
#include "ingest/webrtc/stun.hpp"

namespace rtpx {

struct IceCredentials {
  std::string ufrag, pwd;
};
/// Fresh ones: 8 and 24 characters of [A-Za-z0-9]. Errors of the system's random source end the process.
[[nodiscard]] IceCredentials make_ice_credentials();

/// The lite side of ICE (RFC 8445 section 2.5) for one session: answers connectivity checks and knows which
/// of the publisher's addresses are proven. No I/O. Memory: kMaxAddresses.
class IceLite {
 public:
  static constexpr std::size_t kMaxAddresses = 16;

  explicit IceLite(IceCredentials credentials) : credentials_{std::move(credentials)} {}

  /// Offers new credentials (ICE restart); the old ones stay good until a check uses the new.
  void restart(IceCredentials credentials);
  [[nodiscard]] const IceCredentials& current() const noexcept { return credentials_.back(); }
  [[nodiscard]] bool knows(std::string_view ufrag) const noexcept;
  [[nodiscard]] std::vector<std::string> ufrags() const;

  struct Outcome {
    bool valid = false;                      ///< right password: the address is proven
    std::vector<std::byte> response;         ///< send it to where the request came from
    std::optional<SocketAddress> forgotten;  ///< an address given up for this one
    std::vector<std::string> retired;        ///< user names that are no longer good
  };
  /// A binding request whose user name is ours. An address of which `in_use` is true is not given up for
  /// another.
  Outcome on_request(Bytes datagram, const stun::Message& request, const SocketAddress& from,
                     const std::function<bool(const SocketAddress&)>& in_use);

  [[nodiscard]] const std::vector<SocketAddress>& addresses() const noexcept { return addresses_; }

 private:
  std::vector<IceCredentials> credentials_;  // the newest last; at most two
  std::vector<SocketAddress> addresses_;     // the newest last
};

/// The part of a STUN user name that names us: before the colon (RFC 8445 section 7.2.2).
[[nodiscard]] std::string_view local_ufrag(std::string_view username) noexcept;

}  // namespace rtpx
