#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace rtpx::film {

/// Threads that do the parts of a job side by side. One caller.
class Crew {
 public:
  /// `threads`: with the caller's; at least 1.
  explicit Crew(int threads);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Calls work(0) … work(count - 1), each once, on the crew and the caller; waits for all. `work` must not
  /// throw.
  void run(std::size_t count, const std::function<void(std::size_t)>& work);

 private:
  void help();

  std::mutex mutex_;
  std::condition_variable begins_, ends_;
  const std::function<void(std::size_t)>* work_ = nullptr;
  std::size_t count_ = 0, next_ = 0, finished_ = 0;
  bool over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace rtpx::film
