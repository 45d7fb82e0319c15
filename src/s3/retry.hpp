#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <stop_token>

namespace rtpx::s3 {

/// One budget of patience for an upload or download, shared by its parts: exponential back-off with jitter
/// from the last success, giving up after so long without one. Parts that fail together wait together, and
/// count as one failure. Thread-safe.
class RetryBudget {
 public:
  /// `give_up_after` 0: never.
  explicit RetryBudget(std::chrono::milliseconds give_up_after);

  void succeeded();
  /// Waits before another try. False: patience is over, or a stop was asked for.
  [[nodiscard]] bool wait(std::stop_token stop);

 private:
  using Clock = std::chrono::steady_clock;
  std::chrono::milliseconds give_up_after_;
  std::mutex mutex_;
  std::condition_variable_any sleeping_;
  Clock::time_point last_success_ = Clock::now();
  Clock::time_point next_try_{};
  int failures_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace rtpx::s3
