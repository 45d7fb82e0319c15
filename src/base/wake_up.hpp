#pragma once

#include <semaphore.h>

#include <atomic>
#include <chrono>

namespace rtpx {

/// Lets one thread sleep until a time, and others cut its sleep short. A semaphore, since hundreds of recorders sleep some
/// twenty times a second each: leaving a condition variable takes a mutex, and so a call of the kernel more each time.
class WakeUp {
 public:
  WakeUp() noexcept { (void)::sem_init(&semaphore_, 0, 0); }
  ~WakeUp() { (void)::sem_destroy(&semaphore_); }
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  /// Waits at most until `deadline`; returns earlier after wake(), also one of before.
  void wait_until(std::chrono::steady_clock::time_point deadline) noexcept;
  void wait() noexcept { wait_until(std::chrono::steady_clock::time_point::max()); }
  void wake() noexcept {
    if (!wanted_.exchange(true)) (void)::sem_post(&semaphore_);
  }

 private:
  ::sem_t semaphore_;
  std::atomic<bool> wanted_{false};
};

}  // namespace rtpx
