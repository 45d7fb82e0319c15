#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fleet/bus.hpp"
#include "fleet/fleet_clock.hpp"
#include "fleet/order.hpp"
#include "fleet/store.hpp"
#include "server/options.hpp"

namespace rtpx::server {

/// A node's part in a fleet: orders what is to be made of its recordings, looks after each order until it is
/// settled, removes what is no result, and knows the state of every job and member. When NATS is away it
/// keeps what it knew and goes on later: what is to be ordered is known from the recordings. Thread-safe.
class FleetNode {
 public:
  struct Events {
    /// A job of this node's recordings changed. On a thread of the fleet's.
    std::function<void(const fleet::JobRecord& record)> changed;
    /// What this node tells of itself; `under_way`: what is being recorded.
    std::function<fleet::Member()> describe;
    /// Recordings of this node that are stored and not known to be converted: to be ordered, if nobody has.
    std::function<std::vector<std::string>()> stored_here;
    /// What the recording.json of a recording of this node says. Errors: not_found: it is not here any more.
    std::function<Result<RecordingInfo>(const std::string& recording)> about;
  };

  /// Takes part from begin() on. Errors: invalid_argument, denied.
  [[nodiscard]] static Result<std::unique_ptr<FleetNode>> start(const ServeOptions& options, Events events);
  void begin();
  /// No event comes after it; order() may still be called.
  void stop();

  /// Orders a job. `again`: also when it is settled. Returns at once.
  void order(fleet::Job job, bool again);
  /// What a conversion of one of this node's recordings is ordered as.
  [[nodiscard]] fleet::Job conversion_of(const std::string& recording) const;

  [[nodiscard]] std::optional<fleet::JobRecord> job(const std::string& node, const std::string& recording,
                                                    fleet::JobKind kind) const;
  struct Recording {
    std::string node, id;
    std::vector<fleet::JobRecord> jobs;  // but for slices of its film
    /// Its conversion, which knows of its key and time; null: not ordered.
    [[nodiscard]] const fleet::Job* conversion() const;
  };
  /// By node and name.
  [[nodiscard]] std::vector<Recording> recordings() const;
  [[nodiscard]] std::optional<Recording> recording(const std::string& node, const std::string& id) const;
  /// The other recordings that are one with this one: of its key, at its time.
  [[nodiscard]] std::vector<fleet::RecordingName> parts_beside(const std::string& node, const std::string& id) const;
  /// How far the wall-clock times that go by `anchor` are from the fleet's clock, as far as that is known now.
  [[nodiscard]] std::optional<ClockOffset> clock_offset(const ClockAnchor& anchor) const;
  [[nodiscard]] std::vector<fleet::Member> members() const;

  /// A recording that is not in the store yet, by what its node told last.
  struct UnderWay {
    std::string node;
    fleet::UnderWay about;
    bool away = false;  ///< the node has not been heard of for a while
  };
  /// By node, and as the node tells.
  [[nodiscard]] std::vector<UnderWay> under_way() const;
  [[nodiscard]] std::optional<UnderWay> under_way(const std::string& node, const std::string& id) const;
  /// This node's are others than a moment ago: it tells the fleet soon.
  void tell_under_way();

  struct Heard {
    std::string address;  ///< empty: the node has told none
    std::chrono::seconds ago{0};
    bool away = false;
  };
  /// nullopt: nothing was heard of such a node, or not for a day.
  [[nodiscard]] std::optional<Heard> heard_of(const std::string& node) const;
  /// For another node: opens a target of that one, as far as this one may read what that one has stored. Asks the store
  /// for the key of that node, `anew` also when it is known. nullopt: it does not have it.
  [[nodiscard]] std::optional<std::string> pass_to(const std::string& node, const std::string& target, bool anew);
  /// Whether another node's pass opens that target here.
  [[nodiscard]] bool is_pass(const std::string& target, const std::string& pass) const;
  /// Whether the store has a recording to its end of which no job is known.
  [[nodiscard]] bool is_stored(const std::string& node, const std::string& id);
  struct Counts {
    std::map<std::string, std::uint64_t> by_state;
    std::uint64_t oldest_waiting_seconds = 0;
    bool connected = false;
  };
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] bool draining() const { return draining_; }
  /// The node with the most room that is not this one and takes sessions; nullopt: none has more than here.
  [[nodiscard]] std::optional<std::string> roomier_node() const;
  [[nodiscard]] const fleet::Store& store() const { return store_; }

 private:
  struct Known {
    fleet::JobRecord record;
    std::chrono::steady_clock::time_point since;
  };
  struct Todo {
    fleet::Job job;
    bool again = false;
  };
  struct Seen {
    fleet::Member node;
    std::chrono::steady_clock::time_point at;
  };
  struct NodeKey {
    std::string text;  // empty: the store did not give it
    std::chrono::steady_clock::time_point read_at;
  };
  struct Tidying {
    fleet::Job job;
    std::chrono::steady_clock::time_point at;
  };

  FleetNode(const ServeOptions& options, Events events, std::shared_ptr<fleet::Bus> bus, S3Url store);
  void watch(std::stop_token stop);
  void keep(std::stop_token stop);
  void beat();
  void tell_key(std::stop_token stop);
  [[nodiscard]] std::vector<fleet::UnderWay> not_stored_here(std::vector<fleet::UnderWay> recording);
  [[nodiscard]] bool is_away(const Seen& seen) const;
  void see(const std::vector<fleet::Member>& members);
  [[nodiscard]] std::int64_t now_ms() const;
  void look_after(std::stop_token stop);
  void order_what_is_stored(std::stop_token stop);
  [[nodiscard]] bool carry_out(fleet::Order order, const fleet::Job& job, std::stop_token stop);
  [[nodiscard]] bool carry_out(const Todo& todo, std::stop_token stop);
  // False: the store or the fleet did not answer, so there may be something left.
  bool tidy(const fleet::Job& job, std::stop_token stop);
  bool tidy_result(const fleet::Job& job, std::stop_token stop);
  bool tidy_slice(const fleet::Job& slice, std::stop_token stop);
  bool discard(const fleet::Job& job, const std::string& name, std::stop_token stop);
  void on_synced(const std::set<std::string>& keys);
  void on_record(const std::string& key, const std::optional<fleet::Stored>& stored);
  void pause(std::stop_token stop, std::chrono::milliseconds wait);

  const ServeOptions& options_;
  const Events events_;
  const std::shared_ptr<fleet::Bus> bus_;
  const fleet::Store store_;
  const std::string own_key_;
  std::atomic<bool> draining_ = false, synced_ = false, forgotten_ = false, beats_soon_ = false;
  mutable std::mutex mutex_;
  std::condition_variable_any sleeping_;
  std::map<std::string, Known> known_;
  std::deque<Todo> todo_;
  std::vector<Tidying> tidying_;
  std::vector<fleet::Member> members_;
  std::map<std::string, Seen> seen_;                       // other nodes, by name
  std::vector<fleet::UnderWay> not_stored_;                // here
  std::map<std::string, NodeKey> keys_;                    // of other nodes
  std::set<fleet::RecordingName> found_stored_;
  fleet::FleetClock clock_;
  fleet::Rules rules_;
  std::jthread watcher_, keeper_, key_teller_;
};

}  // namespace rtpx::server
