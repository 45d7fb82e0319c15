#pragma once

#include <functional>
#include <thread>

namespace rtpx {

/// Starts a thread named `name` (at most 15 characters) that blocks all signals, SIGXFSZ too: handlers run on
/// the program's own threads, and a file over its size limit is an error instead of a death.
[[nodiscard]] std::thread start_thread(const char* name, std::function<void()> body);

}  // namespace rtpx
