#include "server/fleet/fleet_worker.hpp"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/file_system.hpp"
#include "base/folder_lock.hpp"
#include "base/random_text.hpp"
#include "base/utc_time.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using fleet::Claim;
using fleet::Job;
using fleet::Milliseconds;
using fleet::WorkEnd;
using namespace std::chrono_literals;

constexpr auto kHeartbeat = 5s;
constexpr auto kLook = 100ms;             // at work that goes on
constexpr auto kLastWords = 30s;          // for a bus that is away when the worker stops
constexpr std::size_t kTokenLength = 24;  // of 62 letters each

Milliseconds steady_now() {
  return std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
}

/// The work of one claim, on a thread of its own.
class JobWork {
 public:
  template <typename Run>
  explicit JobWork(Run run) {
    thread_ = std::jthread([this, run = std::move(run)](std::stop_token stop) {
      WorkEnd end = run([this](double fraction) { fraction_ = fraction; }, stop);
      const std::lock_guard lock(mutex_);
      end_ = std::move(end);
      ended_.notify_all();
    });
  }
  /// Waits a moment for its end.
  std::optional<WorkEnd> wait() {
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, kLook, [&] { return end_.has_value(); });
    return end_;
  }
  void stop() { thread_.request_stop(); }
  [[nodiscard]] double fraction() const { return fraction_; }

 private:
  std::atomic<double> fraction_ = 0;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<WorkEnd> end_;
  std::jthread thread_;
};

class Worker {
 public:
  Worker(const WorkerOptions& options, std::shared_ptr<fleet::Bus> bus, const std::stop_token& stop)
      : options_(options),
        bus_(std::move(bus)),
        store_(options.s3, options.store),
        stopped_(stop, [this] { stopping_.request_stop(); }) {}

  /// Errors: denied: the servers did not take the login any more.
  Result<void> run() {
    std::vector<std::jthread> slots;
    for (unsigned i = 0; i < options_.jobs; ++i) slots.emplace_back([this] { slot(); });
    std::jthread heart([this](std::stop_token enough) { beat(enough); });
    for (std::jthread& one : slots) one.join();
    if (!bus_->closed()) return {};
    return fail(Errc::denied, "NATS does not let worker " + options_.name + " in any more: its login was taken back, or has ended.");
  }

 private:
  /// Takes one job after the other.
  void slot() {
    auto deliveries = bus_->deliveries(options_.classes);
    while (!ends()) {
      const auto rules = bus_->rules();
      if (!rules) {
        say_once(rules.error().message);
        pause(1s);
        continue;
      }
      if (draining_) {
        pause(1s);
        continue;
      }
      const auto delivery = deliveries->next();
      if (!delivery) continue;
      if (draining_) {  // asked to drain while it waited
        delivery->deliver_again(0ms);
        continue;
      }
      if (!delivery->job()) {
        log(LogLevel::warn, "a message is no job that this version knows; it is left to others");
        delivery->deliver_again(rules->lease);
        continue;
      }
      ++running_;
      follow(*delivery, *delivery->job(), *rules);
      --running_;
    }
  }

  void follow(fleet::Delivery& delivery, const Job& job, const fleet::Rules& rules) {
    Claim claim(job, options_.name, random_text(kTokenLength), rules);
    std::optional<JobWork> work;
    Claim::Step step = claim.begin();
    bool working = true;
    while (working) {
      using Do = Claim::Do;
      if (step.what == Do::read || step.what == Do::write) {
        pause(step.delay);
        if (ends() && gives_up()) {
          log(LogLevel::warn, "stopped before the fleet could be told how a job ended",
              {.recording = job.recording});
          return;
        }
      }
      switch (step.what) {
        case Do::read: {
          const auto stored = bus_->read(fleet::key_of(job));
          step = stored ? claim.read_was(steady_now(), *stored) : claim.read_failed(steady_now());
          break;
        }
        case Do::write: {
          if (step.record.state == fleet::JobState::running) delivery.in_progress();
          const auto [how, revision] = bus_->write(step.record, step.expected);
          step = claim.wrote(steady_now(), how, revision);
          break;
        }
        case Do::work:
          if (!work) {
            log(LogLevel::info,
                fleet::kind_token(job) + " begins, attempt " +
                    std::to_string(claim.attempt()),
                {.recording = job.recording});
            work.emplace([this, job, token = claim.token(), attempt = claim.attempt()](auto on_progress,
                                                                                       std::stop_token stop) {
              return do_job(options_.limits, store_, [this](const std::string& key) { return bus_->read(key); },
                            job, options_.name, token, attempt, on_progress, std::move(stop));
            });
          }
          if (ends() && drain_is_over()) work->stop();
          if (const auto end = work->wait()) {
            tell(job, *end);
            step = claim.ended(steady_now(), *end);
          } else {
            step = claim.on_time(steady_now(), work->fraction());
          }
          break;
        case Do::ack:
        case Do::nak:
        case Do::leave:
          working = false;
          break;
      }
    }
    const bool lost = work.has_value() && step.what == Claim::Do::leave;
    if (lost)
      log(LogLevel::warn, "the claim was lost: what was made is discarded", {.recording = job.recording});
    work.reset();  // stops it, and waits
    if (step.discard)
      if (const auto discarded = store_.discard(job, claim.token(), {}); !discarded)
        log(LogLevel::warn, "not discarded: " + discarded.error().message, {.recording = job.recording});
    if (step.what == Claim::Do::ack) delivery.acknowledge();
    if (step.what == Claim::Do::nak) delivery.deliver_again(step.delay);
  }

  static void tell(const Job& job, const WorkEnd& end) {
    const std::string what = fleet::kind_token(job);
    if (end.kind == WorkEnd::Kind::done)
      log(LogLevel::info, what + " is made", {.recording = job.recording});
    else if (end.not_before.count() > 0)
      log(LogLevel::debug, what + " is given back: " + end.error, {.recording = job.recording});
    else
      log(end.kind == WorkEnd::Kind::returned ? LogLevel::warn : LogLevel::error,
          what + (end.kind == WorkEnd::Kind::returned ? " is given back: " : " failed: ") + end.error,
          {.recording = job.recording});
  }

  void beat(std::stop_token enough) {
    while (!enough.stop_requested()) {
      if (bus_->closed()) stopping_.request_stop();
      if (const auto drain = bus_->is_to_drain(options_.name)) draining_ = *drain;
      const auto free = real_file_system().free_bytes(options_.limits.folder);
      (void)bus_->tell_alive(
          {.name = options_.name,
           .is_worker = true,
           .address = {},
           .running = running_,
           .slots = options_.jobs,
           .free_bytes = free.value_or(0),
           .draining = draining_ || ends(),
           .time_ms = std::chrono::duration_cast<Milliseconds>(utc_now().time_since_epoch()).count()});
      std::unique_lock lock(mutex_);
      sleeping_.wait_for(lock, enough, kHeartbeat, [] { return false; });
    }
  }

  [[nodiscard]] bool ends() const { return stopping_.stop_requested(); }
  [[nodiscard]] bool drain_is_over() { return since_stop() >= options_.drain; }
  [[nodiscard]] bool gives_up() { return since_stop() >= options_.drain + kLastWords; }
  std::chrono::steady_clock::duration since_stop() {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (!stopped_at_) stopped_at_ = now;
    return now - *stopped_at_;
  }
  void pause(std::chrono::milliseconds wait) {
    if (wait.count() <= 0) return;
    std::unique_lock lock(mutex_);
    sleeping_.wait_for(lock, stopping_.get_token(), wait, [] { return false; });
  }
  void say_once(const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(said_, text) != text) log(LogLevel::warn, text);
  }

  const WorkerOptions& options_;
  const std::shared_ptr<fleet::Bus> bus_;
  const fleet::Store store_;
  std::stop_source stopping_;
  const std::stop_callback<std::function<void()>> stopped_;
  std::atomic<unsigned> running_ = 0;
  std::atomic<bool> draining_ = false;
  std::mutex mutex_;
  std::condition_variable_any sleeping_;
  std::optional<std::chrono::steady_clock::time_point> stopped_at_;
  std::string said_;
};

/// What a worker that was killed left here.
void sweep(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> left;
  for (fs::directory_iterator at(folder, ignored), end; !ignored && at != end; at.increment(ignored))
    if (fleet::is_claim_token(at->path().filename().string()) && at->is_directory())
      left.push_back(at->path());
  for (const fs::path& one : left) fs::remove_all(one, ignored);
}

}  // namespace

Result<void> run_worker(WorkerOptions options, std::stop_token stop) {
  if (!fleet::is_member_name(options.name))
    return fail(Errc::invalid_argument,
                "\"" + options.name + "\" is no name of a worker: up to 64 letters, digits, - and _.");
  if (auto made = real_file_system().create_directories(options.limits.folder); !made) return made;
  const auto lock = FolderLock::take(options.limits.folder, "rtpx worker");
  if (!lock) return std::unexpected(lock.error());
  sweep(options.limits.folder);
  options.nats.name = options.name;
  options.nats.wait_for_servers = true;
  options.nats.on_message = [](const std::string& text) { log(LogLevel::warn, text); };
  auto bus = fleet::connect_nats(options.nats);
  if (!bus) return std::unexpected(bus.error());
  log(LogLevel::info, "worker " + options.name + " takes jobs");
  auto done = Worker(options, *bus, stop).run();
  log(LogLevel::info, "worker " + options.name + " has ended");
  return done;
}

}  // namespace rtpx::server
