#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "rtpx/event.hpp"
#include "rtpx/rtpx.h"

struct rtpx_event {
  int kind = 0;
  std::uint64_t upload_ref = 0;
  std::string json;
};

namespace rtpx::capi {

[[nodiscard]] rtpx_event to_c(const Event& event);

/// Events that wait to be fetched, the last 1,024, and a descriptor that is readable while there are some.
class EventQueue {
 public:
  /// Errors: io, too_many_files.
  [[nodiscard]] static Result<std::shared_ptr<EventQueue>> make();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;
  ~EventQueue();

  void push(const Event& event);
  [[nodiscard]] std::unique_ptr<rtpx_event> pop() noexcept;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] std::uint64_t dropped() const noexcept;

 private:
  explicit EventQueue(int descriptor) : descriptor_(descriptor) {}

  const int descriptor_;
  mutable std::mutex mutex_;
  std::deque<std::unique_ptr<rtpx_event>> events_;
  std::uint64_t dropped_ = 0;
};

}  // namespace rtpx::capi
