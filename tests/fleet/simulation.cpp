#include "fleet/simulation.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace rtpx::test {

using namespace fleet;
using Time = std::int64_t;  // milliseconds

namespace {

constexpr Time kLease = 8'000, kTimeout = 2'000, kFaultsEnd = 150'000, kRestEnd = 600'000;
constexpr std::size_t kFiles = 3;  // of a result, before the marker that says it is whole

/// What lies under one name of a job's results.
struct Folder {
  std::set<int> files;
  std::optional<JobRecord> marker;  // as result.json: which claim made it
  [[nodiscard]] bool whole() const { return marker && files.size() == kFiles; }
};

struct Message {
  Job job;
  Time available = 0;
  int deliveries = 0;
};

struct Bucket {
  std::map<std::string, Stored> records;
  std::map<std::string, Stored> previous;  // what a server that lags behind answers
  std::map<std::string, Time> changed;
  std::uint64_t revision = 0;
};

struct Queue {
  std::map<std::uint64_t, Message> messages;
  std::set<std::string> ids;
  std::uint64_t next = 1;
};

struct Actor {
  std::uint64_t epoch = 0;  // another after each crash: what was under way does not come back
  Time sleeps_until = 0;
  Time clock_error = 0;
  std::string name;
};

struct WorkerActor : Actor {
  std::unique_ptr<Claim> claim;
  std::uint64_t message = 0;
  Job job;
  std::string folder;
  bool started = false;
  std::optional<WorkEnd> end;
};

struct NodeActor : Actor {
  std::vector<Job> jobs;  // with the generation that is wanted: it is on the node's disk
};

}  // namespace

const char* to_string(Planted fault) {
  static constexpr const char* kNames[] = {"none",
                                           "blind_writes",
                                           "record_before_the_objects",
                                           "deliveries_believed",
                                           "silence_is_loss",
                                           "shared_names",
                                           "nothing_discarded",
                                           "nothing_looked_after",
                                           "tidied_by_an_old_look",
                                           "tidied_by_a_lagging_read",
                                           "no_fence_at_the_end"};
  return kNames[static_cast<int>(fault)];
}

struct Simulation::World {
  struct Event {
    Time at;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const Event& other) const { return std::tie(other.at, other.order) < std::tie(at, order); }
  };

  const std::uint64_t seed;
  const Planted planted;
  std::mt19937_64 random;
  Time now = 0;
  std::uint64_t order = 0, tokens = 0;
  std::priority_queue<Event> events;
  Bucket bucket, old_bucket;
  Queue queue, old_queue;
  std::vector<Message> ghosts;                                 // once acknowledged
  std::map<std::string, std::map<std::string, Folder>> store;  // by key of the job, by name of the result
  std::vector<std::unique_ptr<WorkerActor>> workers;
  std::vector<std::unique_ptr<NodeActor>> nodes;
  std::map<std::pair<std::string, std::uint64_t>, int> done;  // by job and generation
  std::map<std::string, std::uint64_t> expected;              // generation of each job at the end
  bool store_lost = false;  // of the queue and the bucket: what was done may have to be done again
  std::string wrong;
  Counts counts;
  Rules rules{.lease = Milliseconds(kLease), .max_attempts = 100, .retry_delay = Milliseconds(500)};
  double lose_request, lose_answer, lag, crash, pause, fail;

  World(std::uint64_t s, Planted p) : seed(s), planted(p), random(s) {
    // Some histories are quiet, some are storms.
    lose_request = pick({0.0, 0.02, 0.1});
    lose_answer = pick({0.0, 0.02, 0.15});
    lag = pick({0.0, 0.05, 0.2});
    crash = pick({0.0, 0.3, 1.0});
    pause = pick({0.0, 0.5, 1.0});
    fail = pick({0.0, 0.1, 0.3});
    const int node_count = number(1, 2), worker_count = number(1, 4);
    for (int n = 0; n < node_count; ++n) add_node(n);
    for (int w = 0; w < worker_count; ++w) {
      workers.push_back(std::make_unique<WorkerActor>());
      workers.back()->name = "w" + std::to_string(w);
      workers.back()->clock_error = pick({0, 0, 20'000, -20'000});
      after(number(0, 500), [this, w] { fetch(*workers[static_cast<std::size_t>(w)]); });
    }
    for (Time at = 1'000; at < kFaultsEnd; at += number(500, 8'000))
      events.push({at, ++order, [this] { misfortune(); }});
    if (chance(0.1)) events.push({number(10'000, kFaultsEnd), ++order, [this] { empty_the_store(); }});
    if (chance(0.1)) {
      const Time at = number(10'000, kFaultsEnd);
      events.push({at, ++order, [this] {
                     old_bucket = bucket;
                     old_queue = queue;
                   }});
      events.push({at + number(500, 5'000), ++order, [this] { roll_back_the_store(); }});
    }
  }

  // Chance.
  int number(Time from, Time to) {
    return static_cast<int>(from + static_cast<Time>(random() % static_cast<std::uint64_t>(to - from + 1)));
  }
  bool chance(double share) { return static_cast<double>(random() >> 11) * 0x1p-53 < share; }
  template <typename T>
  T pick(std::initializer_list<T> choices) {
    return *(choices.begin() + number(0, static_cast<Time>(choices.size()) - 1));
  }
  [[nodiscard]] bool faults() const { return now < kFaultsEnd; }
  Time delay() {
    if (faults() && chance(0.02))
      return number(kTimeout / 2, 3 * kTimeout);  // also done after it was given up
    return number(1, 60);
  }

  // Time.
  void after(Time wait, std::function<void()> run) { events.push({now + wait, ++order, std::move(run)}); }
  /// For an actor: not if it has crashed meanwhile, later if it sleeps.
  void after(Actor& actor, Time wait, std::function<void()> run) {
    after(wait, [this, &actor, epoch = actor.epoch, run = std::move(run)] { wake(actor, epoch, run); });
  }
  void wake(Actor& actor, std::uint64_t epoch, const std::function<void()>& run) {
    if (actor.epoch != epoch) return;
    if (now < actor.sleeps_until)
      after(actor.sleeps_until - now, [this, &actor, epoch, run] { wake(actor, epoch, run); });
    else
      run();
  }

  /// A request to a server: lost, late, or done and its answer lost.
  template <typename Answer>
  void ask(Actor& actor, std::function<Answer()> serve, std::function<void(std::optional<Answer>)> then) {
    if (faults() && chance(lose_request)) {
      ++counts.lost_answers;
      after(actor, kTimeout, [then] { then(std::nullopt); });
      return;
    }
    const Time there = delay(), back = delay();
    const bool lost = faults() && chance(lose_answer);
    if (lost || there + back >= kTimeout) {
      ++counts.lost_answers;
      after(there, [serve] { (void)serve(); });
      after(actor, kTimeout, [then] { then(std::nullopt); });
      return;
    }
    after(there, [this, &actor, epoch = actor.epoch, back, serve, then] {
      const Answer answer = serve();
      after(back,
            [this, &actor, epoch, then, answer] { wake(actor, epoch, [then, answer] { then(answer); }); });
    });
  }
  /// Without an answer.
  void tell(std::function<void()> serve) {
    if (faults() && chance(lose_request)) return;
    after(delay(), std::move(serve));
  }
  /// The object store: its client tries until it works.
  void at_store(Actor& actor, std::function<void()> serve, std::function<void()> then) {
    const Time slow = faults() && chance(0.03) ? number(kLease / 2, 3 * kLease) : 0;
    after(actor, slow + number(5, 400), [serve = std::move(serve), then = std::move(then)] {
      serve();
      then();
    });
  }

  // The bucket.
  std::optional<Stored> get(const std::string& key, const Actor& asker) {
    const auto at = bucket.records.find(key);
    if (at == bucket.records.end()) return std::nullopt;
    const auto old = bucket.previous.find(key);
    const bool lags = old != bucket.previous.end() && faults() && chance(lag);
    if (lags) ++counts.old_answers;
    Stored out = lags ? old->second : at->second;
    out.age = Milliseconds(now - bucket.changed.at(key) + (faults() ? asker.clock_error : 0));
    return out;
  }
  std::pair<Wrote, std::uint64_t> put(const JobRecord& record, std::uint64_t expected_revision) {
    const std::string key = key_of(record.job);
    const auto at = bucket.records.find(key);
    const std::uint64_t there = at == bucket.records.end() ? 0 : at->second.revision;
    if (planted != Planted::blind_writes && there != expected_revision) return {Wrote::refused, 0};
    const bool was_done = at != bucket.records.end() && at->second.record.state == JobState::done &&
                          at->second.record.job.generation == record.job.generation;
    const bool touched = was_done && at->second.record == record;
    if (at != bucket.records.end() && at->second.record.state == JobState::running &&
        record.state == JobState::running && at->second.record.token != record.token)
      ++counts.takeovers;
    if (at != bucket.records.end() && chance(0.2)) bucket.previous[key] = at->second;
    bucket.records[key] = {record, ++bucket.revision, Milliseconds(0)};
    bucket.changed[key] = now;
    if (was_done && !touched && !store_lost) note("a result that was done was replaced: " + key);
    if (record.state == JobState::done && !touched) {
      const auto folder = store[key].find(record.result.name);
      if ((folder == store[key].end() || !folder->second.whole()) && !store_lost)
        note("a result that is not whole was called done: " + key);
      if (++done[{key, record.job.generation}] > 1 && !store_lost) note("done twice: " + key);
    }
    return {Wrote::yes, bucket.revision};
  }

  // The queue.
  bool publish(const Job& job) {
    if (!queue.ids.insert(message_id_of(job)).second) return true;
    queue.messages[queue.next++] = {job, now, 0};
    return true;
  }
  std::optional<std::pair<std::uint64_t, Job>> next_message() {
    for (auto& [id, message] : queue.messages) {
      if (message.available > now) continue;
      message.available = now + kLease;
      if (++message.deliveries > 1) ++counts.redeliveries;
      return std::pair(id, message.job);
    }
    return std::nullopt;
  }
  void acknowledge(std::uint64_t id) {  // also by one who is not meant any more
    const auto at = queue.messages.find(id);
    if (at == queue.messages.end()) return;
    ghosts.push_back(at->second);
    queue.messages.erase(at);
  }
  void set_available(std::uint64_t id, Time at) {
    if (const auto message = queue.messages.find(id); message != queue.messages.end())
      message->second.available = at;
  }
  std::uint64_t count(const std::string& key) {
    return static_cast<std::uint64_t>(std::ranges::count_if(
        queue.messages, [&](const auto& one) { return key_of(one.second.job) == key; }));
  }

  // The store.
  [[nodiscard]] bool is_current(const std::string& key, const std::string& name) const {
    const auto at = bucket.records.find(key);
    return at != bucket.records.end() && at->second.record.state == JobState::done &&
           at->second.record.result.name == name;
  }
  void remove_folder(const std::string& key, const std::string& name) {
    if (store[key].erase(name) == 0) return;
    ++counts.discarded;
    if (is_current(key, name) && !store_lost) note("a current result was removed: " + key);
  }
  /// Its content with what it holds, newest first by what the markers say.
  std::optional<JobRecord> latest_whole(const std::string& key) {
    std::optional<JobRecord> out;
    for (const auto& [name, folder] : store[key])
      if (folder.whole() && (!out || std::pair(folder.marker->job.generation, folder.marker->attempts) >
                                         std::pair(out->job.generation, out->attempts)))
        out = folder.marker;
    return out;
  }

  // Misfortune.
  void misfortune() {
    if (!faults()) return;
    const auto actor = [&]() -> Actor& {
      const auto any =
          static_cast<std::size_t>(number(0, static_cast<Time>(workers.size() + nodes.size()) - 1));
      return any < workers.size() ? static_cast<Actor&>(*workers[any]) : *nodes[any - workers.size()];
    };
    if (chance(0.4 * crash)) restart(actor());
    if (chance(0.4 * pause)) {
      ++counts.pauses;
      actor().sleeps_until = now + number(100, 4 * kLease);
    }
    if (chance(0.3) && !ghosts.empty()) {
      ++counts.ghosts;
      queue.messages[queue.next++] =
          ghosts[static_cast<std::size_t>(number(0, static_cast<Time>(ghosts.size()) - 1))];
    }
    if (chance(0.05) && !queue.messages.empty())
      queue.messages.erase(queue.messages.begin());  // lost by the server
    if (chance(0.1)) {                               // ordered again
      NodeActor& node = *nodes.front();
      Job& job = node.jobs[static_cast<std::size_t>(number(0, static_cast<Time>(node.jobs.size()) - 1))];
      if (job.generation < 3) look_after(node, job, ++job.generation);
    }
  }
  void restart(Actor& actor) {
    ++counts.crashes;
    ++actor.epoch;
    actor.sleeps_until = 0;
    const Time down = number(100, 2 * kLease);
    if (auto* worker = dynamic_cast_worker(actor)) {
      worker->claim.reset();
      after(actor, down, [this, worker] { fetch(*worker); });
    } else {
      auto& node = static_cast<NodeActor&>(actor);
      after(actor, down, [this, &node] { look_after_all(node); });
    }
  }
  WorkerActor* dynamic_cast_worker(Actor& actor) {
    for (const auto& worker : workers)
      if (worker.get() == &actor) return worker.get();
    return nullptr;
  }
  void empty_the_store() {
    ++counts.emptied;
    store_lost = true;
    bucket = {};
    queue = {};
  }
  /// As after a power cut: the last seconds never were.
  void roll_back_the_store() {
    ++counts.rolled_back;
    store_lost = true;
    bucket = old_bucket;
    queue = old_queue;
  }

  // A worker.
  void fetch(WorkerActor& worker) {
    worker.claim.reset();
    using Delivered = std::optional<std::pair<std::uint64_t, Job>>;
    ask<Delivered>(
        worker, [this] { return next_message(); },
        [this, &worker](std::optional<Delivered> got) {
          if (!got || !*got) {
            after(worker, number(200, 600), [this, &worker] { fetch(worker); });
            return;
          }
          worker.message = (*got)->first;
          worker.job = (*got)->second;
          if (planted == Planted::deliveries_believed) ++worker.job.generation;
          worker.claim =
              std::make_unique<Claim>(worker.job, worker.name, "t" + std::to_string(++tokens), rules);
          worker.folder = planted == Planted::shared_names ? "all" : worker.claim->token();
          worker.started = false;
          worker.end.reset();
          follow(worker, worker.claim->begin());
        });
  }
  void follow(WorkerActor& worker, const Claim::Step& step) {
    const Time wait = step.what == Claim::Do::nak ? 0 : step.delay.count();
    after(worker, wait, [this, &worker, step] { carry_out(worker, step); });
  }
  [[nodiscard]] Milliseconds clock() const { return Milliseconds(now); }

  void carry_out(WorkerActor& worker, const Claim::Step& step) {
    const std::string key = key_of(worker.job);
    switch (step.what) {
      case Claim::Do::read:
        ask<std::optional<Stored>>(
            worker, [this, key, &worker] { return get(key, worker); },
            [this, &worker](std::optional<std::optional<Stored>> got) {
              Claim& claim = *worker.claim;
              follow(worker, got ? claim.read_was(clock(), *got) : claim.read_failed(clock()));
            });
        return;
      case Claim::Do::write:
        write(worker, step);
        return;
      case Claim::Do::work:
        if (!std::exchange(worker.started, true)) work(worker);
        after(worker, 200, [this, &worker] {
          if (worker.end) {
            const WorkEnd end = *std::exchange(worker.end, std::nullopt);
            follow(worker, worker.claim->ended(clock(), end));
          } else {
            follow(worker, worker.claim->on_time(clock(), 0.5));
          }
        });
        return;
      case Claim::Do::ack:
        tell([this, id = worker.message] { acknowledge(id); });
        break;
      case Claim::Do::nak:
        tell([this, id = worker.message, at = now + step.delay.count()] { set_available(id, at); });
        break;
      case Claim::Do::leave:
        break;
    }
    if (!step.discard || planted == Planted::nothing_discarded) return fetch(worker);
    at_store(
        worker, [this, key, folder = worker.folder] { remove_folder(key, folder); },
        [this, &worker] { fetch(worker); });
  }
  void write(WorkerActor& worker, const Claim::Step& step) {
    if (step.record.state == JobState::running)
      tell([this, id = worker.message] { set_available(id, now + kLease); });
    using Written = std::pair<Wrote, std::uint64_t>;
    ask<Written>(
        worker,
        [this, step] {
          std::uint64_t revision = step.expected;
          const auto there = bucket.records.find(key_of(step.record.job));
          if (planted == Planted::no_fence_at_the_end && step.record.state == JobState::done)
            revision = there == bucket.records.end() ? 0 : there->second.revision;
          return put(step.record, revision);
        },
        [this, &worker](std::optional<Written> got) {
          const Written written = got.value_or(Written(Wrote::unknown, 0));
          if (planted == Planted::silence_is_loss && written.first == Wrote::unknown) {
            follow(worker, {.what = Claim::Do::leave, .discard = true});
            return;
          }
          follow(worker, worker.claim->wrote(clock(), written.first, written.second));
        });
  }
  /// One object after the other, the marker last.
  void work(WorkerActor& worker, std::size_t at = 0) {
    const std::string key = key_of(worker.job), folder = worker.folder;
    const auto go_on = [this, &worker, token = worker.claim->token(), at] {
      if (worker.claim && worker.claim->token() == token && worker.claim->is_working()) work(worker, at + 1);
    };
    if (at == 0) {
      after(worker, number(500, 2 * kLease), go_on);
    } else if (at <= kFiles) {
      at_store(
          worker, [this, key, folder, at] { store[key][folder].files.insert(static_cast<int>(at)); }, go_on);
    } else if (faults() && chance(fail)) {
      worker.end =
          WorkEnd{.kind = chance(0.5) ? WorkEnd::Kind::failed : WorkEnd::Kind::returned, .error = "bad luck"};
    } else {
      JobRecord marker{.job = worker.job,
                       .state = JobState::done,
                       .attempts = worker.claim->attempt(),
                       .worker = worker.name,
                       .token = worker.claim->token(),
                       .result = {.name = folder, .exit_code = 0, .files = kFiles, .bytes = 1}};
      if (planted == Planted::record_before_the_objects)
        worker.end = WorkEnd{.kind = WorkEnd::Kind::done, .result = marker.result, .error = ""};
      at_store(
          worker, [this, key, folder, marker] { store[key][folder].marker = marker; },
          [&worker, marker] {
            if (worker.claim && worker.claim->token() == marker.token)
              worker.end = WorkEnd{.kind = WorkEnd::Kind::done, .result = marker.result, .error = ""};
          });
    }
  }

  // A node.
  void add_node(int n) {
    nodes.push_back(std::make_unique<NodeActor>());
    NodeActor& node = *nodes.back();
    node.name = "n" + std::to_string(n);
    const int jobs = number(1, 3);
    for (int i = 0; i < jobs; ++i)
      node.jobs.push_back({.node = node.name, .recording = "r" + std::to_string(i)});
    after(number(0, 3'000), [this, &node] { look_after_all(node); });
  }
  void look_after_all(NodeActor& node) {
    for (Job& job : node.jobs) look_after(node, job, job.generation);
    after(node, number(kLease / 2, 2 * kLease), [this, &node] { look_after_all(node); });
  }
  void look_after(NodeActor& node, Job& job, std::uint64_t generation) {
    Job wanted = job;
    wanted.generation = generation;
    const auto order_of_job = std::make_shared<Order>(wanted, rules);
    follow(node, job, order_of_job, order_of_job->begin());
  }
  using OrderPointer = std::shared_ptr<Order>;
  void follow(NodeActor& node, Job& job, const OrderPointer& its, const Order::Step& step) {
    after(node, step.delay.count(), [this, &node, &job, its, step] { carry_out(node, job, its, step); });
  }
  void carry_out(NodeActor& node, Job& job, const OrderPointer& its, const Order::Step& step) {
    const std::string key = key_of(job);
    const auto go_on = [this, &node, &job, its](const Order::Step& next) { follow(node, job, its, next); };
    switch (step.what) {
      case Order::Do::read:
        ask<std::optional<Stored>>(
            node, [this, key, &node] { return get(key, node); },
            [its, go_on](std::optional<std::optional<Stored>> got) {
              if (got) go_on(its->read_was(*got));
            });
        return;
      case Order::Do::find: {
        const auto made = std::make_shared<std::optional<JobRecord>>();
        at_store(
            node, [this, key, made] { *made = latest_whole(key); },
            [its, go_on, made] { go_on(its->found(*made)); });
        return;
      }
      case Order::Do::write: {
        using Written = std::pair<Wrote, std::uint64_t>;
        ask<Written>(
            node, [this, step] { return put(step.record, step.expected); },
            [its, go_on](std::optional<Written> got) {
              go_on(its->wrote(got ? got->first : Wrote::unknown));
            });
        return;
      }
      case Order::Do::count:
        if (planted == Planted::nothing_looked_after) return;
        ask<std::uint64_t>(
            node, [this, key] { return count(key); },
            [its, go_on](std::optional<std::uint64_t> got) {
              if (got) go_on(its->counted(*got));
            });
        return;
      case Order::Do::publish:
        ask<bool>(
            node, [this, step] { return publish(step.record.job); },
            [its, go_on](std::optional<bool> got) { go_on(its->published(got.has_value())); });
        return;
      case Order::Do::end:
        if (step.record.state == JobState::done && planted != Planted::nothing_discarded) tidy(node, job);
        return;
    }
  }
  /// List, then write the record as it is, then remove: what was listed before a record is known to be the
  /// latest cannot be of a later claim.
  void tidy(NodeActor& node, Job& job) {
    const std::string key = key_of(job);
    const auto names = std::make_shared<std::vector<std::string>>();
    const auto list = [this, key, names] {
      names->clear();
      for (const auto& [name, folder] : store[key]) names->push_back(name);
    };
    const auto read = [this, &node, key](std::function<void(const JobRecord&)> then) {
      ask<std::optional<Stored>>(
          node, [this, key, &node] { return get(key, node); },
          [this, &node, then = std::move(then)](std::optional<std::optional<Stored>> got) {
            if (!got || !*got || (*got)->record.state != JobState::done) return;
            const Stored there = **got;
            if (planted == Planted::tidied_by_a_lagging_read) return then(there.record);
            using Written = std::pair<Wrote, std::uint64_t>;
            ask<Written>(
                node, [this, there] { return put(there.record, there.revision); },
                [then, there](std::optional<Written> written) {
                  if (written && written->first == Wrote::yes) then(there.record);
                });
          });
    };
    const auto remove = [this, &node, &job, key, names](const JobRecord& record) {
      for (const std::string& name : *names)
        if (name != record.result.name) remove_folder(key, name);
      at_store(
          node, [] {}, [this, &job, key, record] {  // a current result that is gone is made again
            const auto folder = store[key].find(record.result.name);
            const bool gone = folder == store[key].end() || !folder->second.whole();
            if (gone && job.generation <= record.job.generation) job.generation = record.job.generation + 1;
          });
    };
    if (planted == Planted::tidied_by_an_old_look)
      read([this, &node, list, remove](const JobRecord& record) {
        at_store(node, list, [remove, record] { remove(record); });
      });
    else
      at_store(node, list, [read, remove] { read(remove); });
  }

  // The end.
  void note(const std::string& what) {
    if (wrong.empty()) wrong = "seed " + std::to_string(seed) + ", " + std::to_string(now) + " ms: " + what;
  }
  void check() {
    for (const auto& node : nodes)
      for (const Job& job : node->jobs) check(job);
    if (!queue.messages.empty()) note("messages are left in the queue");
  }
  void check(const Job& job) {
    const std::string key = key_of(job);
    const auto at = bucket.records.find(key);
    if (at == bucket.records.end()) return note("lost: " + key);
    const JobRecord& record = at->second.record;
    if (record.state == JobState::failed && record.attempts >= rules.max_attempts) {
      ++counts.failed;
      return;
    }
    if (record.state != JobState::done)
      return note(std::string("not done but ") + fleet::to_string(record.state) + ": " + key);
    ++counts.done;
    if (record.job.generation != job.generation) note("the current result is not of the last order: " + key);
    for (const auto& [name, folder] : store[key])
      if (name != record.result.name) note("left behind: " + key + "/" + name);
    const auto folder = store[key].find(record.result.name);
    if (folder == store[key].end() || !folder->second.whole())
      note("the current result is gone, or not whole: " + key);
  }
};

Simulation::Simulation(std::uint64_t seed, Planted planted)
    : world_(std::make_unique<World>(seed, planted)) {}
Simulation::~Simulation() = default;

std::string Simulation::run() {
  World& world = *world_;
  while (!world.events.empty() && world.events.top().at < kRestEnd && world.wrong.empty()) {
    const auto event = world.events.top();
    world.events.pop();
    world.now = event.at;
    ++world.counts.events;
    event.run();
  }
  if (world.wrong.empty()) world.check();
  return world.wrong;
}

const Simulation::Counts& Simulation::counts() const {
  return world_->counts;
}

}  // namespace rtpx::test
