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
  /// up. False: not done at `deadline`; it goes on.
  [[nodiscard]] bool drain(std::span<const std::shared_ptr<QueueWriter>> queues, Clock::time_point deadline);
  /// Writes all that was accepted before the call. Errors: what the writes answered; io after `deadline`.
  [[nodiscard]] Result<void> flush(Clock::time_point deadline);
  /// After storage_failed(): goes on with all queues in `folder`.
  void move_to(std::filesystem::path folder);
  /// After storage_failed(): gives all queues up.
  void give_up_all();
  /// A sync of `output` failed: its queue goes on in a new file.
  void restart_output(std::shared_ptr<OutputFile> output, Error cause);

  struct Stats {
    std::uint64_t writes = 0;
    std::chrono::microseconds worst_flush{0};  ///< longest time between the ends of two passes
  };
  [[nodiscard]] Stats stats() const;

 private:
  void pass();
  void write_ready();
  void write_queue(QueueWriter& queue, bool whole_chunks);
  void on_error(QueueWriter& queue, const Error& error);
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
  bool suspended_ = false, failed_ = false, full_ = false, any_done_ = false;
  Clock::time_point retry_at_{};
  std::optional<Error> pass_error_;

  std::mutex commands_mutex_;
  std::vector<std::function<void()>> commands_;

  std::mutex progress_mutex_;
  std::condition_variable progress_;  // a queue is done, a flush answered
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::int64_t> worst_flush_us_{0};
};

}  // namespace rtpx
