#pragma once

#include <functional>
#include <thread>

namespace rtpx {

/// Starts a thread named `name` (at most 15 characters) that blocks all signals, SIGXFSZ too: handlers run on
/// the program's own threads, and a file over its size limit is an error instead of a death.
[[nodiscard]] std::thread start_thread(const char* name, std::function<void()> body);

/// Asks that this thread, which does little each time it wakes, runs soon after waking also on a busy
/// machine: a short time slice (Linux 6.12), and nice -10 where the process may (CAP_SYS_NICE, or RLIMIT_NICE
/// of 30).
void ask_for_short_latency() noexcept;

}  // namespace rtpx
