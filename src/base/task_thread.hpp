#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/wake_up.hpp"

namespace rtpx {

/// A thread that runs tasks one after the other, and one of its own every `period`. What a task throws is
/// caught and counted.
class TaskThread {
 public:
  explicit TaskThread(std::chrono::milliseconds period = std::chrono::milliseconds(0),
                      std::function<void()> tick = {})
      : period_(period), tick_(std::move(tick)) {}

  void run();  ///< the thread's body; returns after stop(), when the queue is empty
  void stop();
  /// False after stop(): the task will not run.
  bool post(std::function<void()> task);
  [[nodiscard]] bool on_this_thread() const { return id_.load() == std::this_thread::get_id(); }
  [[nodiscard]] std::uint64_t exceptions() const { return exceptions_.load(); }

 private:
  void run_guarded(const std::function<void()>& task);

  const std::chrono::milliseconds period_;
  const std::function<void()> tick_;
  std::atomic<std::thread::id> id_{};
  std::mutex mutex_;
  WakeUp changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> exceptions_{0};
};

}  // namespace rtpx
