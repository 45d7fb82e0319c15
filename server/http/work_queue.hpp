#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace rtpx::http {

/// Threads for one kind of work that may wait, and a queue that has an end, so that one kind never starves
/// another. Thread-safe.
class WorkQueue {
 public:
  WorkQueue(std::size_t threads, std::size_t capacity);
  ~WorkQueue() { stop(); }

  /// False: there is no room.
  [[nodiscard]] bool post(std::function<void()> work);
  /// Drops what waits, waits for what runs.
  void stop();

 private:
  void run(const std::stop_token& stop);

  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::jthread> threads_;
};

}  // namespace rtpx::http
