#include "ingest/webrtc/inbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace rtpx {

Inbox::Inbox() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
Inbox::~Inbox() {
  if (fd_ >= 0) ::close(fd_);
}

void Inbox::put(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (closed_) {
    work();
    return;
  }
  work_.push_back(std::move(work));
  asked_.store(true, std::memory_order_release);
  wake();
}

void Inbox::wake() noexcept {
  const std::uint64_t one = 1;
  (void)!::write(fd_, &one, sizeof one);
}

void Inbox::answer() {
  if (!asked_.exchange(false, std::memory_order_acquire)) return;
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    (void)!::read(fd_, &count, sizeof count);
    work.swap(work_);
  }
  for (const auto& one : work) one();
}

void Inbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const auto& one : work_) one();
  work_.clear();
}

}  // namespace rtpx
