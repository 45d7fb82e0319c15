#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>

namespace rtpx::test {

inline constexpr std::chrono::milliseconds kChildFlush{100};
inline constexpr std::uint64_t kChildEntries = 1'000'000;

/// What recording_child writes down, in a shared mapping.
struct ChildLog {
  struct Entry {
    std::uint32_t track, sequence;
    std::int64_t accepted_ns;  // CLOCK_MONOTONIC
  };
  std::atomic<std::uint64_t> count;
  std::atomic<std::int64_t> written_until_ns;  // what was accepted before is written, by Recorder::stats()
  Entry entries[kChildEntries];
};

[[nodiscard]] inline std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace rtpx::test
