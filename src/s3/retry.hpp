#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>

namespace rtpx::s3 {

/// One budget of patience for an upload or download, shared by its parts: exponential back-off with jitter
/// from the last success, giving up after so long without one. Parts that fail together wait together, and
/// count as one failure. Thread-safe.
class RetryBudget {
 public:
  /// Told why nothing moves, when a second try has failed, and again when the reason changes; an empty text
  /// when it moves again. One call at a time, on any thread.
  using OnWaiting = std::function<void(const std::string& cause)>;

  /// `give_up_after` 0: never.
  explicit RetryBudget(std::chrono::milliseconds give_up_after, OnWaiting on_waiting = {});

  void succeeded();
  /// Waits before another try. False: patience is over, or a stop was asked for.
  [[nodiscard]] bool wait(std::stop_token stop, const std::string& cause = {});

 private:
  using Clock = std::chrono::steady_clock;
  void tell(const std::string& cause);

  std::chrono::milliseconds give_up_after_;
  OnWaiting on_waiting_;
  std::mutex telling_;
  std::string told_;
  std::mutex mutex_;
  std::condition_variable_any sleeping_;
  Clock::time_point last_success_ = Clock::now();
  Clock::time_point next_try_{};
  int failures_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace rtpx::s3
