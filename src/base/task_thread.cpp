#include "base/task_thread.hpp"

namespace rtpx {

void TaskThread::run() {
  id_.store(std::this_thread::get_id());
  auto next_tick = std::chrono::steady_clock::now() + period_;
  std::unique_lock lock(mutex_);
  while (true) {
    const auto ready = [this] { return stopping_ || !tasks_.empty(); };
    if (tick_)
      changed_.wait_until(lock, next_tick, ready);
    else
      changed_.wait(lock, ready);
    if (!tasks_.empty()) {
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      run_guarded(task);
      lock.lock();
    } else if (stopping_) {
      return;
    }
    if (tick_ && std::chrono::steady_clock::now() >= next_tick) {
      lock.unlock();
      run_guarded(tick_);
      lock.lock();
      next_tick = std::chrono::steady_clock::now() + period_;
    }
  }
}

void TaskThread::run_guarded(const std::function<void()>& task) {
  try {
    task();
  } catch (...) {
    exceptions_.fetch_add(1);
  }
}

void TaskThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

bool TaskThread::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

}  // namespace rtpx
