#include "recorder/writer.hpp"

#include <algorithm>

#include "base/thread.hpp"
#include "recorder/pass_period.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
// Between two looks for full chunks: the pace at which they come, by halving and doubling. Passes write what there is
// anyway, and a pool that runs low wakes the writer: a slow recorder among hundreds must not cost wake-ups.
constexpr auto kRound = 5ms, kIdleRound = 320ms;
constexpr auto kFullRetry = 100ms;   // between two attempts at a full disk
constexpr auto kDrainRetry = 100ms;  // the same for a queue that is to end

}  // namespace

Writer::Writer(std::shared_ptr<QueueShared> shared, FileSystem& files,
               std::chrono::milliseconds flush_interval, WriterListener& listener)
    : shared_(std::move(shared)),
      pass_period_(pass_period(flush_interval)),
      listener_(listener),
      open_files_(files),
      written_until_(Clock::now().time_since_epoch().count()) {}

void Writer::run() {
  ask_for_short_latency();
  auto next_pass = Clock::now() + pass_period_;
  std::chrono::milliseconds round = kRound;
  while (!stopping_.load()) {
    run_commands();
    const bool some = shared_->ready.load(std::memory_order_relaxed) != nullptr;
    round = some ? std::max(round / 2, kRound) : std::min(2 * round, kIdleRound);
    write_ready();
    if (const auto now = Clock::now(); now >= std::min(next_pass, again_at_)) {
      pass();
      next_pass = std::max(now + pass_period_, Clock::now());
    }
    if (shared_->ready.load(std::memory_order_relaxed) == nullptr || blocked())
      shared_->writer.wait_until(std::min({next_pass, again_at_, Clock::now() + round}));
  }
  run_commands();
}

void Writer::stop() {
  {
    const std::lock_guard lock(progress_mutex_);
    stopping_.store(true);
  }
  progress_.notify_all();
  shared_->writer.wake();
}

void Writer::write_ready() {
  PacketQueue* queue = PacketQueue::take_ready(*shared_);
  while (queue != nullptr) {
    PacketQueue* next = queue->next_ready();
    queue->accept_announcements();
    if (const auto found = by_queue_.find(queue); found != by_queue_.end() && !found->second->done.load())
      write_queue(*found->second, true);
    queue = next;
  }
}

bool Writer::pass() {
  const auto began = Clock::now();
  again_at_ = Clock::time_point::max();
  ++pass_number_;
  shared_->flush_pass.store(pass_number_, std::memory_order_relaxed);
  bool any_waited = false, all_written = true;
  for (const auto& queue : queues_) {
    any_waited = any_waited || queue->queue().queued() != 0;
    if (!write_queue(*queue, false)) all_written = false;
    queue->maintain(pass_number_);
    settle(*queue);
    if (queue->draining.load() && !queue->done.load()) again_at_ = std::min(again_at_, began + kDrainRetry);
  }
  note_wait(began, any_waited, all_written);
  if (full_ && std::ranges::all_of(queues_, [](const auto& queue) { return queue->queue().queued() == 0; }))
    set_full(false);
  if (!any_done_) return all_written;
  any_done_ = false;
  write_ready();  // no queue may be on the stack of those announced when it goes
  std::erase_if(queues_, [&](const std::shared_ptr<QueueWriter>& queue) {
    if (!queue->done.load()) return false;
    by_queue_.erase(&queue->queue());
    return true;
  });
  return all_written;
}

// What waited longest when a pass ends was accepted right after the pass began that wrote everything last.
void Writer::note_wait(Clock::time_point began, bool any_waited, bool all_written) {
  const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - written_until());
  if (all_written) written_until_.store(began.time_since_epoch().count());
  worst_flush_us_.store(std::max(worst_flush_us_.load(), waited.count()));
  if (!any_waited) return;
  std::int64_t longest = longest_wait_us_.load();
  while (longest < waited.count() && !longest_wait_us_.compare_exchange_weak(longest, waited.count())) {
  }
}

bool Writer::write_queue(QueueWriter& queue, bool whole_chunks) {
  if (whole_chunks && queue.queue().queued() < PacketQueue::kWriteBytes) return false;
  const std::uint64_t target =
      queue.queue().published();  // what comes meanwhile must not keep other queues waiting
  while (queue.queue().written() < target && !blocked()) {
    if (Clock::now() < queue.rests_until()) {
      again_at_ = std::min(again_at_, queue.rests_until());
      pass_error_ = Error{Errc::io, "The files of track " + queue.track_id() + " fail again and again."};
      return false;
    }
    const auto before = queue.output();
    const bool existed = before->created.load();
    const auto wrote = queue.write(open_files_, pass_number_, whole_chunks);
    if (!wrote) {
      if (!on_error(queue, wrote.error())) return false;
      whole_chunks = false;
      continue;
    }
    if (!*wrote) break;
    writes_.fetch_add(1, std::memory_order_relaxed);
    set_full(false);
    if (!existed || queue.output() != before) listener_.files_changed();
  }
  return queue.queue().written() >= target;
}

bool Writer::on_error(QueueWriter& queue, const Error& error) {
  pass_error_ = error;
  switch (error.code) {
    case Errc::no_space:
      retry_at_ = Clock::now() + kFullRetry;
      set_full(true);
      return false;
    case Errc::too_many_files:
      return false;  // what waits stays in memory until there is a descriptor
    default:
      break;
  }
  if (queue.nothing_in_file()) {  // a fresh file failed as well: it is not the file
    suspend(error);
    return false;
  }
  leave_file(queue, error);
  return true;
}

void Writer::suspend(const Error& cause) {
  if (suspended_.load()) return;
  listener_.storage_failed(cause);  // first: whoever sees that writing stopped finds the cause
  {
    const std::lock_guard lock(progress_mutex_);
    suspended_.store(true);
  }
  progress_.notify_all();
}

void Writer::set_full(bool full) {
  if (full_ == full) return;
  full_ = full;
  listener_.disk_is_full(full);
}

// A queue that is closed ends when all is written, or when what is left has no chance.
void Writer::settle(QueueWriter& queue) {
  if (!queue.draining.load() || queue.done.load()) return;
  if (queue.queue().queued() == 0) {
    queue.finish(open_files_);
  } else if (failed_ || full_) {
    queue.give_up(open_files_, pass_number_);
  } else {
    return;
  }
  any_done_ = true;
  { const std::lock_guard lock(progress_mutex_); }
  progress_.notify_all();
}

void Writer::run_commands() {
  std::vector<std::function<void()>> commands;
  {
    const std::lock_guard lock(commands_mutex_);
    commands.swap(commands_);
  }
  for (const auto& command : commands) command();
}

void Writer::command(std::function<void()> what) {
  {
    const std::lock_guard lock(commands_mutex_);
    commands_.push_back(std::move(what));
  }
  shared_->writer.wake();
}

void Writer::add(std::vector<std::shared_ptr<QueueWriter>> queues) {
  command([this, queues = std::move(queues)] {
    for (const auto& queue : queues) {
      by_queue_[&queue->queue()] = queue.get();
      queues_.push_back(queue);
    }
  });
}

bool Writer::drain(std::span<const std::shared_ptr<QueueWriter>> queues, Clock::time_point deadline) {
  for (const auto& queue : queues) queue->draining.store(true);
  command([this] {
    retry_at_ = {};
    pass();
  });
  std::unique_lock lock(progress_mutex_);
  const auto done = [&] {
    return std::ranges::all_of(queues, [](const auto& queue) { return queue->done.load(); });
  };
  progress_.wait_until(lock, deadline, [&] { return done() || (suspended_.load() && !failed_.load()); });
  return done();
}

Result<void> Writer::flush(Clock::time_point deadline) {
  struct Answer {
    bool done = false;
    std::optional<Error> error;
  };
  const auto answer = std::make_shared<Answer>();
  command([this, answer] {
    pass_error_.reset();
    retry_at_ = {};
    std::optional<Error> error;
    if (!pass())
      error = pass_error_.value_or(Error{Errc::storage_failed, "The recorder's storage has failed."});
    const std::lock_guard lock(progress_mutex_);
    answer->error = std::move(error);
    answer->done = true;
    progress_.notify_all();
  });
  std::unique_lock lock(progress_mutex_);
  if (!progress_.wait_until(lock, deadline, [&] { return answer->done; }))
    return fail(Errc::io, "The disk did not take the recording's data in time.");
  if (answer->error) return std::unexpected(*answer->error);
  return {};
}

std::vector<bool> Writer::move_to(std::filesystem::path folder, std::vector<Group> groups) {
  struct Answer {
    bool done = false;
    std::vector<bool> moved;
  };
  const auto answer = std::make_shared<Answer>();
  command([this, answer, folder = std::move(folder), groups = std::move(groups)] {
    std::vector<bool> moved;
    for (const Group& group : groups) {
      moved.push_back(!std::ranges::all_of(group, [](const auto& queue) { return queue->done.load(); }));
      if (!moved.back()) continue;
      for (const auto& queue : group) queue->restart_in(open_files_, folder, pass_number_);
    }
    suspended_.store(false);
    set_full(false);
    const std::lock_guard lock(progress_mutex_);
    answer->moved = std::move(moved);
    answer->done = true;
    progress_.notify_all();
  });
  std::unique_lock lock(progress_mutex_);
  progress_.wait(lock, [&] { return answer->done || stopping_.load(); });
  return answer->moved;
}

void Writer::give_up_all() {
  failed_.store(true);
  command([this] {
    suspended_.store(true);
    for (const auto& queue : queues_) queue->draining.store(true);
    pass();
  });
}

void Writer::restart_output(std::shared_ptr<OutputFile> output, Error cause) {
  command([this, output = std::move(output), cause = std::move(cause)] {
    for (const auto& queue : queues_) {
      if (queue->output() != output || queue->done.load()) continue;
      if (queue->syncs_keep_failing()) return suspend(cause);
      leave_file(*queue, cause);
    }
  });
}

void Writer::leave_file(QueueWriter& queue, const Error& cause) {
  queue.restart_file(open_files_, pass_number_);
  listener_.file_restarted(queue, cause);
  listener_.files_changed();
}

Writer::Stats Writer::stats() const {
  return {writes_.load(std::memory_order_relaxed),
          std::chrono::microseconds(worst_flush_us_.load(std::memory_order_relaxed))};
}

}  // namespace rtpx
