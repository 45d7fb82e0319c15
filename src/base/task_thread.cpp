#include "base/task_thread.hpp"

namespace rtpx {

void TaskThread::run() {
  id_.store(std::this_thread::get_id());
  auto next_tick = std::chrono::steady_clock::now() + period_;
  while (true) {
    std::function<void()> task;
    bool stopping = false;
    {
      const std::lock_guard lock(mutex_);
      stopping = stopping_;
      if (!tasks_.empty()) {
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
    }
    if (task)
      run_guarded(task);
    else if (stopping)
      return;
    else if (tick_)
      changed_.wait_until(next_tick);
    else
      changed_.wait();
    if (tick_ && std::chrono::steady_clock::now() >= next_tick) {
      run_guarded(tick_);
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
  changed_.wake();
}

bool TaskThread::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.wake();
  return true;
}

}  // namespace rtpx
