#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

namespace rtpx {

/// Work on one thread's data that other threads ask for: the thread does it between two of its own steps, and
/// takes no lock where nothing was asked. So its data needs none.
class Inbox {
 public:
  Inbox();
  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Does `work` on the owner's thread, and waits for it; after close() on this one. What it throws comes out
  /// here. Not to be called on the owner's thread.
  template <typename Work>
  std::invoke_result_t<Work> ask(Work work) {
    auto task = std::make_shared<std::packaged_task<std::invoke_result_t<Work>()>>(std::move(work));
    auto done = task->get_future();
    put([task] { (*task)(); });
    return done.get();
  }

  // --- the owner
  // --------------------------------------------------------------------------------------------

  /// Becomes readable when something was asked; -1: the system gave none.
  [[nodiscard]] int fd() const noexcept { return fd_; }
  void answer();         ///< does what was asked
  void wake() noexcept;  ///< makes fd() readable; any thread
  void close();          ///< the owner's thread has ended; the last answer()

 private:
  void put(std::function<void()> work);

  const int fd_;
  std::atomic<bool> asked_ = false;
  std::mutex mutex_;
  std::vector<std::function<void()>> work_;
  bool closed_ = false;
};

}  // namespace rtpx
