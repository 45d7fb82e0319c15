#include "compose/crew.hpp"

#include "base/thread.hpp"

namespace rtpx::film {

Crew::Crew(int threads) {
  for (int i = 1; i < threads; ++i) threads_.push_back(start_thread("rtpx-film", [this] { help(); }));
}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  begins_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Crew::run(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  count_ = count;
  next_ = finished_ = 0;
  if (count > 1) begins_.notify_all();
  while (next_ < count_) {
    const std::size_t mine = next_++;
    lock.unlock();
    work(mine);
    lock.lock();
    ++finished_;
  }
  ends_.wait(lock, [&] { return finished_ == count_; });
  work_ = nullptr;
}

void Crew::help() {
  std::unique_lock lock(mutex_);
  for (;;) {
    begins_.wait(lock, [&] { return over_ || (work_ != nullptr && next_ < count_); });
    if (over_) return;
    const std::size_t mine = next_++;
    const auto* work = work_;
    lock.unlock();
    (*work)(mine);
    lock.lock();
    if (++finished_ == count_) ends_.notify_one();
  }
}

}  // namespace rtpx::film
