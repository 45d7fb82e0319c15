#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "fleet/claim.hpp"
#include "rtpx/result.hpp"

namespace rtpx::fleet {

/// A job that was delivered, until the message is dealt with. One thread at a time.
class Delivery {
 public:
  virtual ~Delivery() = default;
  /// nullopt: the message is no job of this version.
  [[nodiscard]] virtual const std::optional<Job>& job() const = 0;
  // None of these fences anything, and each may be lost; see Claim.
  virtual void acknowledge() = 0;
  virtual void deliver_again(Milliseconds delay) = 0;
  virtual void in_progress() = 0;
};

/// Where a worker's thread gets its jobs from. Of one thread.
class Deliveries {
 public:
  virtual ~Deliveries() = default;
  /// The next one of the first class that has one; waits for about a second where there is none. Nothing too
  /// when the servers are away.
  [[nodiscard]] virtual std::unique_ptr<Delivery> next() = 0;
};

/// A recording that its node has and the store does not yet.
struct UnderWay {
  std::string recording;     ///< folder name
  std::string name, key;     ///< empty: none, or it is sealed
  std::int64_t from_ms = 0;  ///< when it began, since 1970, by its node's clock
  bool ended = false;        ///< it waits to be stored
  bool operator==(const UnderWay&) const = default;
};

/// A node or worker that lives, as its last heartbeat tells.
struct Member {
  std::string name;
  bool is_worker = false;
  std::string address;                            ///< of a node: the URL that its clients know it by
  std::uint64_t sessions = 0, most_sessions = 0;  ///< of a node
  unsigned running = 0, slots = 0;                ///< of a worker: jobs
  std::uint64_t free_bytes = 0;                   ///< of the disk that it works on
  std::uint64_t unproven = 0;  ///< of a node: recordings that are not yet proven to be stored
  bool draining = false;
  std::int64_t time_ms = 0;  ///< since 1970, by its own clock
  std::vector<UnderWay> under_way = {};  ///< of a node: as many as a heartbeat has room for, the first ones
  // As the servers keep it, where they tell of it.
  std::uint64_t revision = 0;
  std::int64_t stamped_ns = 0;  ///< when they were told of it, since 1970, by their clock
};
/// Total.
[[nodiscard]] std::optional<Member> parse_member(std::string_view json);
[[nodiscard]] std::string serialize_member(const Member& member);

/// Of the jobs of one class.
struct Backlog {
  std::uint64_t waiting = 0, delivered = 0;
  bool operator==(const Backlog&) const = default;
};

/// What a fleet shares, as nodes, workers and the administrator use it. Thread-safe.
class Bus {
 public:
  virtual ~Bus() = default;

  /// Errors of all: network (away, or no answer), denied, not_found (`rtpx fleet init` has not been run).
  [[nodiscard]] virtual Result<std::optional<Stored>> read(const std::string& key) = 0;
  /// The record as the latest one of its key, if that is at `expected`; 0: if there is none.
  [[nodiscard]] virtual std::pair<Wrote, std::uint64_t> write(const JobRecord& record,
                                                              std::uint64_t expected) = 0;
  /// Forgets a record.
  [[nodiscard]] virtual Result<void> forget(const std::string& key) = 0;
  /// Messages of the job that nobody has acknowledged.
  [[nodiscard]] virtual Result<std::uint64_t> count_messages(const Job& job) = 0;
  [[nodiscard]] virtual Result<void> publish(const Job& job) = 0;
  [[nodiscard]] virtual std::unique_ptr<Deliveries> deliveries(const std::vector<JobClass>& classes) = 0;

  [[nodiscard]] virtual Result<std::map<std::string, Stored>> records() = 0;
  /// Runs until `stop`, beginning anew whenever the servers come back: tells every record, then which these
  /// were
  /// (`on_synced`, with their keys), then every change. nullopt: forgotten.
  virtual void watch(
      std::stop_token stop,
      const std::function<void(const std::string& key, const std::optional<Stored>&)>& on_record,
      const std::function<void(const std::set<std::string>& keys)>& on_synced) = 0;

  /// Answers the revision.
  [[nodiscard]] virtual Result<std::uint64_t> tell_alive(const Member& member) = 0;
  [[nodiscard]] virtual Result<std::vector<Member>> members() = 0;
  [[nodiscard]] virtual Result<bool> is_to_drain(const std::string& member) = 0;
  [[nodiscard]] virtual Result<void> set_drain(const std::string& member, bool drain) = 0;

  [[nodiscard]] virtual Result<Rules> rules() = 0;
  [[nodiscard]] virtual Result<std::map<JobClass, Backlog>> backlog() = 0;
  [[nodiscard]] virtual bool connected() const = 0;
  /// The connection is closed for good: the servers do not take the login any more.
  [[nodiscard]] virtual bool closed() const = 0;
};

}  // namespace rtpx::fleet
