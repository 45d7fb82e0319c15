#include "server/fleet/fleet_node.hpp"

#include <algorithm>

#include "base/random_text.hpp"
#include "base/utc_time.hpp"
#include "fleet/node_pass.hpp"
#include "fleet/parts.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

using fleet::Job;
using fleet::JobRecord;
using fleet::JobState;
using fleet::Milliseconds;
using fleet::Order;
using fleet::Stored;
using fleet::Wrote;
using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kNodeHeartbeat = 5s;
constexpr auto kNodesRemembered = 24h;    // that are away
constexpr std::size_t kMostFound = 1000;  // recordings that were looked for in the store
constexpr std::size_t kKeySize = 43;
constexpr auto kBetweenKeys = 2s;  // looks for the key of a node
constexpr auto kBetweenFullLooks = 1h;   // at the store, for what neither the fleet nor this disk tells of
constexpr std::size_t kMostLooks = 500;  // at jobs that wait, each time

void set_key(Job& job, const Job& from) {
  job.key = from.key;
  job.from_ms = from.from_ms;
  job.until_ms = from.until_ms;
}

/// By the fleet's clock, where the recording knows it.
void set_key(Job& job, const RecordingInfo& info) {
  if (info.key.empty() || info.key.size() > fleet::kMaxKey) return;
  const std::chrono::microseconds offset(info.clock.whole().value_or(ClockOffset{}).offset_us);
  const auto ms = [&](UtcTime time) {
    return std::max<std::int64_t>(
        std::chrono::floor<Milliseconds>((time + offset).time_since_epoch()).count(), 0);
  };
  job.key = info.key;
  job.from_ms = ms(info.created);
  job.until_ms = std::max(job.from_ms, ms(info.ended_at.value_or(info.created)));
}

}  // namespace

Result<std::unique_ptr<FleetNode>> FleetNode::start(const ServeOptions& options, Events events) {
  const auto store = parse_s3_url(options.store_url);
  if (!store) return std::unexpected(store.error());
  fleet::NatsOptions nats = options.nats;
  nats.name = options.node_name;
  nats.wait_for_servers = true;
  nats.on_message = [](const std::string& text) { log(LogLevel::warn, text); };
  auto bus = fleet::connect_nats(nats);
  if (!bus) return std::unexpected(bus.error());
  return std::unique_ptr<FleetNode>(new FleetNode(options, std::move(events), *std::move(bus), *store));
}

void FleetNode::begin() {
  watcher_ = std::jthread([this](std::stop_token stop) { watch(stop); });
  keeper_ = std::jthread([this](std::stop_token stop) { keep(stop); });
  key_teller_ = std::jthread([this](std::stop_token stop) { tell_key(stop); });
}

void FleetNode::stop() {
  watcher_.request_stop();
  keeper_.request_stop();
  key_teller_.request_stop();
  watcher_ = {};
  keeper_ = {};
  key_teller_ = {};
}

FleetNode::FleetNode(const ServeOptions& options, Events events, std::shared_ptr<fleet::Bus> bus, S3Url store)
    : options_(options),
      events_(std::move(events)),
      bus_(std::move(bus)),
      store_(S3Config{}, std::move(store)),
      own_key_(random_text(kKeySize)) {}

Job FleetNode::conversion_of(const std::string& recording) const {
  Job out{.kind = fleet::JobKind::convert,
          .node = options_.node_name,
          .recording = recording,
          .sprites = options_.sprites};
  if (const auto about = events_.about(recording))
    set_key(out, *about);
  else if (const auto known = job(options_.node_name, recording, fleet::JobKind::convert))
    set_key(out, known->job);
  return out;
}

void FleetNode::order(Job job, bool again) {
  const std::lock_guard lock(mutex_);
  todo_.push_back({std::move(job), again});
  sleeping_.notify_all();
}

void FleetNode::watch(std::stop_token stop) {
  bus_->watch(
      stop, [this](const std::string& key, const std::optional<Stored>& stored) { on_record(key, stored); },
      [this](const std::set<std::string>& keys) { on_synced(keys); });
}

/// What the fleet does not know any more, it has lost.
void FleetNode::on_synced(const std::set<std::string>& keys) {
  const std::lock_guard lock(mutex_);
  if (std::erase_if(known_, [&](const auto& one) { return !keys.contains(one.first); }) > 0)
    forgotten_ = true;
  synced_ = true;
}

void FleetNode::on_record(const std::string& key, const std::optional<Stored>& stored) {
  {
    const std::lock_guard lock(mutex_);
    if (!stored) {
      known_.erase(key);
      return;
    }
    const JobRecord& now = stored->record;
    Known& known = known_[key];
    const JobRecord before = std::exchange(known.record, now);
    const bool same = before.state == now.state && before.job == now.job && before.token == now.token;
    if (!same) known.since = SteadyClock::now() - std::max(stored->age, Milliseconds(0));
    if (now.job.node != options_.node_name) return;
    if (same && before.fraction == now.fraction) return;
    // Now for what a loser may have left, and once more for what it was still writing.
    if (!same && now.state == JobState::done)
      for (const auto wait : {0 * rules_.lease, 2 * rules_.lease})
        tidying_.push_back({now.job, SteadyClock::now() + wait});
  }
  events_.changed(stored->record);
}

void FleetNode::keep(std::stop_token stop) {
  SteadyClock::time_point beat_at{}, look_at{}, full_at{};
  while (!stop.stop_requested()) {
    const auto now = SteadyClock::now();
    if (beats_soon_.exchange(false) || now >= beat_at) {
      beat();
      beat_at = now + kNodeHeartbeat;
    }
    if (synced_ && bus_->connected()) {
      std::deque<Todo> todo;
      {
        const std::lock_guard lock(mutex_);
        todo.swap(todo_);
      }
      while (!todo.empty() && !stop.stop_requested() && carry_out(todo.front(), stop)) todo.pop_front();
      if (!todo.empty()) {
        const std::lock_guard lock(mutex_);
        todo_.insert(todo_.begin(), todo.begin(), todo.end());
      }
      if (now >= look_at) {
        look_after(stop);
        look_at = now + std::clamp<Milliseconds>(rules_.lease / 2, 1s, 30s);
      }
      if (now >= full_at || forgotten_.exchange(false)) {
        order_what_is_stored(stop);
        full_at = now + kBetweenFullLooks;
      }
    }
    pause(stop, 500ms);
  }
}

void FleetNode::beat() {
  if (const auto rules = bus_->rules()) {
    const std::lock_guard lock(mutex_);
    rules_ = *rules;
  }
  if (const auto drain = bus_->is_to_drain(options_.node_name)) draining_ = *drain;
  fleet::Member self = events_.describe();
  self.under_way = not_stored_here(std::move(self.under_way));
  self.name = options_.node_name;
  self.address = options_.node_url;
  self.draining = draining_;
  self.time_ms =
      std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const auto sent = ReceiveClock::now();
  const auto revision = bus_->tell_alive(self);
  const auto acknowledged = ReceiveClock::now();
  if (!revision) return;
  auto members = bus_->members();
  if (!members) return;
  const std::lock_guard lock(mutex_);
  see(*members);
  for (const fleet::Member& one : *members)
    if (!one.is_worker && one.name == self.name && one.revision == *revision)
      clock_.add(sent, acknowledged, one.stamped_ns);
  members_ = *std::move(members);
}

/// What is being recorded, and what has ended since and is neither known to be stored nor gone.
std::vector<fleet::UnderWay> FleetNode::not_stored_here(std::vector<fleet::UnderWay> recording) {
  std::vector<fleet::UnderWay> before;
  {
    const std::lock_guard lock(mutex_);
    before = not_stored_;
  }
  for (fleet::UnderWay& one : before) {
    const auto is_it = [&](const fleet::UnderWay& other) { return other.recording == one.recording; };
    if (std::ranges::any_of(recording, is_it)) continue;
    if (job(options_.node_name, one.recording, fleet::JobKind::convert) || !events_.about(one.recording)) continue;
    one.ended = true;
    recording.push_back(std::move(one));
  }
  const std::lock_guard lock(mutex_);
  return not_stored_ = std::move(recording);
}

/// Under the lock.
void FleetNode::see(const std::vector<fleet::Member>& members) {
  const auto now = SteadyClock::now();
  for (const fleet::Member& one : members)
    if (!one.is_worker && one.name != options_.node_name) seen_[one.name] = {one, now};
  std::erase_if(seen_, [&](const auto& one) { return now - one.second.at > kNodesRemembered; });
}

void FleetNode::tell_under_way() {
  beats_soon_ = true;
}

std::vector<FleetNode::UnderWay> FleetNode::under_way() const {
  std::vector<UnderWay> out;
  const std::lock_guard lock(mutex_);
  const auto add = [&](const std::string& node, const std::vector<fleet::UnderWay>& list, bool away) {
    for (const fleet::UnderWay& one : list)
      if (!known_.contains(fleet::key_of({.node = node, .recording = one.recording}))) out.push_back({node, one, away});
  };
  add(options_.node_name, not_stored_, false);
  for (const auto& [name, seen] : seen_) add(name, seen.node.under_way, is_away(seen));
  return out;
}

std::optional<FleetNode::UnderWay> FleetNode::under_way(const std::string& node, const std::string& id) const {
  for (UnderWay& one : under_way())
    if (one.node == node && one.about.recording == id) return std::move(one);
  return std::nullopt;
}

std::optional<FleetNode::Heard> FleetNode::heard_of(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  const auto seen = seen_.find(node);
  if (seen == seen_.end()) return std::nullopt;
  return Heard{seen->second.node.address,
               std::chrono::floor<std::chrono::seconds>(SteadyClock::now() - seen->second.at), is_away(seen->second)};
}

/// Members are forgotten when they are silent; while NATS is away nothing is known of any.
bool FleetNode::is_away(const Seen& seen) const {
  return std::ranges::none_of(members_, [&](const fleet::Member& one) { return !one.is_worker && one.name == seen.node.name; });
}

/// By the fleet's clock, as far as it is known.
std::int64_t FleetNode::now_ms() const {
  const ClockAnchor now{std::chrono::floor<Milliseconds>(ReceiveClock::now().time_since_epoch()).count(), utc_now()};
  const std::chrono::microseconds offset(clock_offset(now).value_or(ClockOffset{}).offset_us);
  return std::chrono::floor<Milliseconds>((now.utc + offset).time_since_epoch()).count();
}

void FleetNode::tell_key(std::stop_token stop) {
  const auto stored = store_.put_node_key(options_.node_name, own_key_, stop);
  if (!stored && stored.error().code != Errc::cancelled)
    log(LogLevel::warn, "other nodes cannot play what this one records: " + stored.error().message);
}

std::optional<std::string> FleetNode::pass_to(const std::string& node, const std::string& target, bool anew) {
  NodeKey key;
  {
    const std::lock_guard lock(mutex_);
    key = keys_[node];
  }
  if ((key.text.empty() || anew) && SteadyClock::now() - key.read_at > kBetweenKeys) {
    const auto read = store_.node_key(node, keeper_.get_stop_token());
    key = {read.value_or(key.text), SteadyClock::now()};
    const std::lock_guard lock(mutex_);
    keys_[node] = key;
  }
  if (key.text.empty()) return std::nullopt;
  return fleet::node_pass(key.text, target, now_ms() + fleet::kPassMs);
}

bool FleetNode::is_pass(const std::string& target, const std::string& pass) const {
  return fleet::is_node_pass(own_key_, target, pass, now_ms());
}

bool FleetNode::is_stored(const std::string& node, const std::string& id) {
  const fleet::RecordingName name{node, id};
  {
    const std::lock_guard lock(mutex_);
    if (found_stored_.contains(name)) return true;
  }
  if (const auto has = store_.has(name, keeper_.get_stop_token()); !has || !*has) return false;
  const std::lock_guard lock(mutex_);
  if (found_stored_.size() >= kMostFound) found_stored_.clear();
  found_stored_.insert(name);
  return true;
}

/// Jobs of this node that nobody has changed for a while, and recordings that are stored and of which the
/// fleet knows nothing.
void FleetNode::look_after(std::stop_token stop) {
  std::vector<Job> jobs;
  const auto now = SteadyClock::now();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, known] : known_)
      if (known.record.job.node == options_.node_name && !fleet::is_settled(known.record.state) &&
          now - known.since > 2 * rules_.lease && jobs.size() < kMostLooks)
        jobs.push_back(known.record.job);
  }
  for (const std::string& id : events_.stored_here())
    if (!job(options_.node_name, id, fleet::JobKind::convert)) jobs.push_back(conversion_of(id));
  for (Job& one : jobs) {
    if (stop.stop_requested()) return;
    one.generation = 0;
    if (!carry_out(Order(one, rules_), one, stop)) return;
  }
  std::vector<Job> due;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(tidying_, [&](const Tidying& one) {
      if (one.at > now) return false;
      due.push_back(one.job);
      return true;
    });
  }
  for (const Job& one : due) {
    if (stop.stop_requested() || tidy(one, stop)) continue;
    const std::lock_guard lock(mutex_);
    tidying_.push_back({one, now + rules_.lease});
  }
}

/// After the fleet has lost everything: the recordings in the store tell what there is to do, and what is
/// done.
void FleetNode::order_what_is_stored(std::stop_token stop) {
  const auto stored = store_.recordings(options_.node_name, stop);
  if (!stored) {
    log(LogLevel::warn, "fleet: " + stored.error().message);
    return;
  }
  for (const std::string& id : *stored) {
    if (stop.stop_requested()) return;
    Job one = conversion_of(id);
    one.generation = 0;
    const auto known = job(options_.node_name, id, fleet::JobKind::convert);
    if (!known && one.key.empty() && !events_.about(id))  // of a disk that is lost
      if (const auto about = store_.about({options_.node_name, id}, stop)) set_key(one, *about);
    if (!known && !carry_out(Order(one, rules_), one, stop)) return;
    if (known && known->state == JobState::done) (void)tidy(known->job, stop);
  }
}

bool FleetNode::carry_out(const Todo& todo, std::stop_token stop) {
  Job wanted = todo.job;
  const auto there = bus_->read(fleet::key_of(wanted));
  if (!there) return false;
  // A slice of a film with other settings would be made for nobody, and the film wait for ever.
  const auto is_of_another_film = [&](const Job& job) {
    return wanted.kind == fleet::JobKind::slice && !fleet::is_slice_of(job, wanted);
  };
  const bool is_new = !*there || (todo.again && (fleet::is_settled((*there)->record.state) ||
                                                 is_of_another_film((*there)->record.job)));
  // Before the film that joins them. One that waits already has slices of its own.
  if (wanted.kind == fleet::JobKind::compose && wanted.slices > 1 && is_new)
    for (int number = 0; number <= wanted.slices; ++number)
      if (!carry_out(Todo{fleet::slice_of(wanted, number), true}, stop)) return false;
  if (*there && wanted.key.empty()) set_key(wanted, (*there)->record.job);  // who orders need not know of it
  wanted.generation = *there ? (*there)->record.job.generation : 1;
  if (*there && is_new) wanted.generation += 1;
  return carry_out(Order(wanted, rules_), wanted, stop);
}

/// False: the fleet does not answer; to be tried again.
bool FleetNode::carry_out(Order order, const Job& job, std::stop_token stop) {
  using Do = Order::Do;
  Order::Step step = order.begin();
  while (step.what != Do::end) {
    pause(stop, step.delay);
    if (stop.stop_requested()) return false;
    switch (step.what) {
      case Do::read: {
        const auto stored = bus_->read(fleet::key_of(job));
        if (!stored) return false;
        step = order.read_was(*stored);
        break;
      }
      case Do::find: {
        const auto made = store_.latest(job, stop);
        if (!made) return false;
        step = order.found(*made);
        break;
      }
      case Do::write:
        step = order.wrote(bus_->write(step.record, step.expected).first);
        break;
      case Do::count: {
        const auto messages = bus_->count_messages(step.record.job);
        if (!messages) return false;
        step = order.counted(*messages);
        break;
      }
      case Do::publish:
        step = order.published(bus_->publish(step.record.job).has_value());
        break;
      case Do::end:
        break;
    }
  }
  return true;
}

/// Slices are of no use once their film is made.
bool FleetNode::tidy_slice(const Job& slice, std::stop_token stop) {
  Job film = slice;
  film.kind = fleet::JobKind::compose;
  {
    const std::lock_guard lock(mutex_);
    const auto is_ordered = [&](const Todo& todo) { return fleet::key_of(todo.job) == fleet::key_of(film); };
    if (std::ranges::any_of(todo_, is_ordered)) return true;
  }
  const auto listing = store_.list(slice, stop);
  const auto own = bus_->read(fleet::key_of(slice));
  const auto stored = bus_->read(fleet::key_of(film));
  if (!stored || !*stored || (*stored)->record.state != JobState::done) return tidy_result(slice, stop);
  if (!listing || !own) return false;
  // Ordered again since, for the film that is ordered next.
  if (*own && (!fleet::is_settled((*own)->record.state) || (*own)->revision > (*stored)->revision)) return true;
  bool all = true;
  for (const std::string& name : listing->names) all = discard(slice, name, stop) && all;
  return all;
}

bool FleetNode::discard(const Job& job, const std::string& name, std::stop_token stop) {
  const auto removed = store_.discard(job, name, stop);
  if (!removed) log(LogLevel::warn, "not removed: " + removed.error().message, {.recording = job.recording});
  return removed.has_value();
}

bool FleetNode::tidy(const Job& job, std::stop_token stop) {
  if (job.kind == fleet::JobKind::slice) return tidy_slice(job, stop);
  bool all = tidy_result(job, stop);
  if (job.kind == fleet::JobKind::compose && job.slices > 1)
    for (int number = 0; number <= job.slices && !stop.stop_requested(); ++number)
      all = tidy_slice(fleet::slice_of(job, number), stop) && all;
  return all;
}

/// Removes all but the current result. Listed first, then the record is written as it is: so it is known to
/// be the latest, and nothing that was listed can be of a later claim.
bool FleetNode::tidy_result(const Job& job, std::stop_token stop) {
  const auto listing = store_.list(job, stop);
  const auto stored = bus_->read(fleet::key_of(job));
  if (!listing || !stored) return false;
  if (!*stored || (*stored)->record.state != JobState::done) return true;
  const std::string& current = (*stored)->record.result.name;
  const bool is_alone = listing->names.size() == listing->names.count(current);
  if (is_alone && listing->whole.contains(current)) return true;
  if (bus_->write((*stored)->record, (*stored)->revision).first != Wrote::yes) return false;
  bool all = true;
  for (const std::string& name : listing->names)
    if (name != current) all = discard(job, name, stop) && all;
  if (listing->whole.contains(current)) return all;
  if (const auto again = store_.list(job, stop); again && !again->whole.contains(current)) {
    log(LogLevel::error,
        "the " + fleet::kind_token(job) + " is gone from the store; it is made again",
        {.recording = job.recording});
    order((*stored)->record.job, true);
  }
  return all;
}

std::optional<JobRecord> FleetNode::job(const std::string& node, const std::string& recording,
                                        fleet::JobKind kind) const {
  const std::lock_guard lock(mutex_);
  const auto at = known_.find(fleet::key_of({.kind = kind, .node = node, .recording = recording}));
  if (at == known_.end()) return std::nullopt;
  return at->second.record;
}

std::vector<FleetNode::Recording> FleetNode::recordings() const {
  const std::lock_guard lock(mutex_);
  std::vector<Recording> out;
  for (const auto& [key, known] : known_) {
    const Job& job = known.record.job;
    if (job.kind == fleet::JobKind::slice) continue;
    if (out.empty() || out.back().node != job.node || out.back().id != job.recording)
      out.push_back({job.node, job.recording, {}});
    out.back().jobs.push_back(known.record);
  }
  return out;
}

std::optional<FleetNode::Recording> FleetNode::recording(const std::string& node,
                                                         const std::string& id) const {
  Recording out{node, id, {}};
  const std::string prefix = "job." + fleet::encode_token(node) + "." + fleet::encode_token(id) + ".";
  const std::lock_guard lock(mutex_);
  for (auto at = known_.lower_bound(prefix); at != known_.end() && at->first.starts_with(prefix); ++at)
    if (at->second.record.job.kind != fleet::JobKind::slice) out.jobs.push_back(at->second.record);
  if (out.jobs.empty()) return std::nullopt;
  return out;
}

const Job* FleetNode::Recording::conversion() const {
  for (const JobRecord& record : jobs)
    if (record.job.kind == fleet::JobKind::convert) return &record.job;
  return nullptr;
}

std::vector<fleet::RecordingName> FleetNode::parts_beside(const std::string& node, const std::string& id) const {
  std::vector<Job> same;
  const std::lock_guard lock(mutex_);
  const auto own = known_.find(fleet::key_of({.kind = fleet::JobKind::convert, .node = node, .recording = id}));
  if (own == known_.end() || own->second.record.job.key.empty()) return {};
  for (const auto& [key, known] : known_)
    if (known.record.job.key == own->second.record.job.key) same.push_back(known.record.job);
  return fleet::parts_beside(own->second.record.job, same);
}

std::optional<ClockOffset> FleetNode::clock_offset(const ClockAnchor& anchor) const {
  const std::lock_guard lock(mutex_);
  return clock_.offset_of(anchor, ReceiveClock::now());
}

std::vector<fleet::Member> FleetNode::members() const {
  const std::lock_guard lock(mutex_);
  return members_;
}

FleetNode::Counts FleetNode::counts() const {
  Counts out;
  out.connected = bus_->connected();
  const std::lock_guard lock(mutex_);
  for (const JobState state :
       {JobState::waiting, JobState::running, JobState::done, JobState::failed, JobState::cancelled})
    out.by_state[fleet::to_string(state)] = 0;
  const auto now = SteadyClock::now();
  for (const auto& [key, known] : known_) {
    ++out.by_state[fleet::to_string(known.record.state)];
    if (known.record.state != JobState::waiting) continue;
    const auto waited = std::chrono::duration_cast<std::chrono::seconds>(now - known.since).count();
    out.oldest_waiting_seconds =
        std::max(out.oldest_waiting_seconds, static_cast<std::uint64_t>(std::max<std::int64_t>(waited, 0)));
  }
  return out;
}

std::optional<std::string> FleetNode::roomier_node() const {
  const auto free_share = [](const fleet::Member& one) {
    return one.most_sessions == 0
               ? 0.0
               : 1 - static_cast<double>(one.sessions) / static_cast<double>(one.most_sessions);
  };
  const fleet::Member self = events_.describe();
  const fleet::Member* best = nullptr;
  const std::lock_guard lock(mutex_);
  for (const fleet::Member& one : members_) {
    if (one.is_worker || one.draining || one.address.empty() || one.name == options_.node_name) continue;
    if (best == nullptr || free_share(one) > free_share(*best)) best = &one;
  }
  if (best == nullptr || free_share(*best) <= 0) return std::nullopt;
  if (!draining_ && free_share(*best) <= free_share(self)) return std::nullopt;
  return best->address;
}

void FleetNode::pause(std::stop_token stop, std::chrono::milliseconds wait) {
  if (wait.count() <= 0) return;
  std::unique_lock lock(mutex_);
  sleeping_.wait_for(lock, stop, wait, [&] { return false; });
}

}  // namespace rtpx::server
