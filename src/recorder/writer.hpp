#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "recorder/queue_writer.hpp"

namespace rtpx {

/// Learns of trouble from the writer thread. Members must not wait.
class WriterListener {
 public:
  virtual ~WriterListener() = default;
  virtual void disk_is_full(bool full) = 0;  ///< changed: a write found no space, or went through again
  virtual void file_restarted(QueueWriter& queue, const Error& cause) = 0;
  virtual void files_changed() = 0;  ///< the manifest names other files now
  virtual void storage_failed(
      const Error& cause) = 0;  ///< writing has stopped until move_to() or give_up_all()
};

/// The thread that writes all queues of a recorder. It takes full chunks as they come and everything else in
/// passes, as few as keep flush_interval.
class Writer {
 public:
  using Clock = std::chrono::steady_clock;

  Writer(std::shared_ptr<QueueShared> shared, FileSystem& files, std::chrono::milliseconds flush_interval,
         WriterListener& listener);

  void run();  ///< the thread's body; returns after stop()
  void stop();

  void add(std::vector<std::shared_ptr<QueueWriter>> queues);
  /// Writes all that the queues hold, which are closed, and finishes them; what cannot be written is given
  /// up. False: not done at `deadline`, or the storage failed; it goes on, after a move where one is needed.
  [[nodiscard]] bool drain(std::span<const std::shared_ptr<QueueWriter>> queues, Clock::time_point deadline);
  /// Writes all that was accepted before the call. Errors: what the writes answered; io after `deadline`.
  [[nodiscard]] Result<void> flush(Clock::time_point deadline);
  /// The queues of one track; they move together.
  using Group = std::vector<std::shared_ptr<QueueWriter>>;
  /// After storage_failed(): goes on in `folder` with the groups that are not done. Answers which they are,
  /// in the order of `groups`.
  [[nodiscard]] std::vector<bool> move_to(std::filesystem::path folder, std::vector<Group> groups);
  /// After storage_failed(): gives all queues up.
  void give_up_all();
  /// A sync of `output` failed: its queue goes on in a new file.
  void restart_output(std::shared_ptr<OutputFile> output, Error cause);

  /// Writing has stopped after storage_failed().
  [[nodiscard]] bool suspended() const { return suspended_.load(); }

  struct Stats {
    std::uint64_t writes = 0;
    std::chrono::microseconds worst_flush{0};  ///< the longest that an accepted packet can have waited
  };
  [[nodiscard]] Stats stats() const;
  /// The longest that a packet can have waited until a pass that ended since the last call.
  [[nodiscard]] std::chrono::microseconds take_longest_wait() {
    return std::chrono::microseconds(longest_wait_us_.exchange(0));
  }
  /// Everything that was accepted before is written, or lost and counted.
  [[nodiscard]] Clock::time_point written_until() const {
    return Clock::time_point(Clock::duration(written_until_.load()));
  }

 private:
  /// True: all that had been accepted is written.
  bool pass();
  void write_ready();
  /// True: all that had been accepted is written.
  bool write_queue(QueueWriter& queue, bool whole_chunks);
  /// True: the queue goes on in a new file.
  [[nodiscard]] bool on_error(QueueWriter& queue, const Error& error);
  void suspend(const Error& cause);
  void note_wait(Clock::time_point began, bool any_waited, bool all_written);
  void leave_file(QueueWriter& queue, const Error& cause);
  void settle(QueueWriter& queue);
  void set_full(bool full);
  void run_commands();
  void command(std::function<void()> what);
  [[nodiscard]] bool blocked() const { return suspended_ || (full_ && Clock::now() < retry_at_); }

  const std::shared_ptr<QueueShared> shared_;
  const Clock::duration pass_period_;
  WriterListener& listener_;

  // The thread's own.
  OpenFiles open_files_;
  std::vector<std::shared_ptr<QueueWriter>> queues_;
  std::unordered_map<const PacketQueue*, QueueWriter*> by_queue_;
  std::uint32_t pass_number_ = 0;
  bool full_ = false, any_done_ = false;
  Clock::time_point retry_at_{},
      again_at_ = Clock::time_point::max();  // of a full disk; the next pass, if sooner
  std::optional<Error> pass_error_;

  std::mutex commands_mutex_;
  std::vector<std::function<void()>> commands_;

  std::mutex progress_mutex_;
  std::condition_variable progress_;  // a queue is done, a flush answered, the storage failed
  std::atomic<bool> stopping_{false}, suspended_{false}, failed_{false};
  std::atomic<Clock::rep> written_until_;
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::int64_t> worst_flush_us_{0}, longest_wait_us_{0};
};

}  // namespace rtpx
