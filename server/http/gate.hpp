#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <unordered_map>

#include "server/http/address.hpp"

namespace rtpx::http {

/// Who may hold a connection. A **guest** has shown no right to be here yet: it is still to send a request,
/// or asks for what is public. Guests are few, and when there are too many the one that has been a guest for
/// longest makes room, so that slow connections in any number keep nobody out. Not thread-safe: the loop's.
class Gate {
 public:
  using Id = std::uint64_t;
  struct Limits {
    std::size_t connections = 10'000;      ///< in all
    std::size_t guests = 2'000;            ///< of these
    std::size_t guests_per_address = 256;  ///< of an IPv4 address or IPv6 /64
  };
  struct Verdict {
    bool admitted = true;
    std::optional<Id> evicted;  ///< close this one: the newcomer has its place
  };

  explicit Gate(const Limits& limits) : limits_(limits) {}

  /// A new connection, a guest. `shared`: many senders are behind that address (a trusted proxy).
  Verdict arrive(Id id, const IpAddress& address, bool shared);
  /// It is a guest no longer: its request may be answered.
  void trust(Id id);
  /// A guest again: what it was let in for is done.
  void guest(Id id);
  /// True while it is one.
  [[nodiscard]] bool is_guest(Id id) const;
  void leave(Id id);
  [[nodiscard]] std::size_t connections() const { return members_.size(); }
  [[nodiscard]] std::size_t guests() const { return guests_; }

 private:
  struct Member {
    IpAddress key;
    bool shared = false;
    std::optional<std::list<Id>::iterator> place;  // among the guests of its address
  };
  [[nodiscard]] std::optional<Id> oldest(const std::list<Id>& guests) const;
  void enter(Id id, Member& member);
  void go(Member& member);

  const Limits limits_;
  std::unordered_map<Id, Member> members_;
  std::map<IpAddress, std::list<Id>> by_address_;  // guests, longest first
  std::size_t guests_ = 0;
};

}  // namespace rtpx::http
