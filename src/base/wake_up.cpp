#include "base/wake_up.hpp"

#include <cerrno>
#include <ctime>

namespace rtpx {

void WakeUp::wait_until(std::chrono::steady_clock::time_point deadline) noexcept {
  const auto since = deadline.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const ::timespec until{static_cast<std::time_t>(seconds.count()), static_cast<long>(std::chrono::nanoseconds(since - seconds).count())};
  // A post stands for each time that `wanted_` becomes true; it becomes false when that was taken.
  while (::sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &until) != 0)
    if (errno != EINTR) return;
  (void)wanted_.exchange(false);
}

}  // namespace rtpx
