#include "s3/retry.hpp"

#include <algorithm>
#include <utility>

namespace rtpx::s3 {
namespace {

constexpr std::chrono::milliseconds kFirstDelay{100};
constexpr std::chrono::milliseconds kLongestDelay{20'000};
constexpr int kFewestTries = 10;  // within a limited patience

}  // namespace

RetryBudget::RetryBudget(std::chrono::milliseconds give_up_after, OnWaiting on_waiting)
    : give_up_after_(give_up_after), on_waiting_(std::move(on_waiting)) {}

void RetryBudget::succeeded() {
  {
    const std::lock_guard lock(mutex_);
    last_success_ = Clock::now();
    failures_ = 0;
  }
  tell("");
}

void RetryBudget::tell(const std::string& cause) {
  if (!on_waiting_) return;
  const std::lock_guard lock(telling_);
  if (std::exchange(told_, cause) != cause) on_waiting_(cause);
}

bool RetryBudget::wait(std::stop_token stop, const std::string& cause) {
  std::unique_lock lock(mutex_);
  if (failures_ > 0 && !cause.empty()) {
    lock.unlock();
    tell(cause);
    lock.lock();
  }
  const auto now = Clock::now();
  if (give_up_after_.count() > 0 && now - last_success_ >= give_up_after_) return false;
  if (now >= next_try_) {
    const auto cap =
        give_up_after_.count() > 0 ? std::min(kLongestDelay, give_up_after_ / kFewestTries) : kLongestDelay;
    const auto full =
        std::min<std::chrono::milliseconds>(cap, kFirstDelay * (1LL << std::min(failures_, 12)));
    ++failures_;
    next_try_ = now + std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(
                          full.count() / 2, full.count())(random_));
    if (give_up_after_.count() > 0) next_try_ = std::min(next_try_, last_success_ + give_up_after_);
  }
  sleeping_.wait_until(lock, stop, next_try_, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace rtpx::s3
