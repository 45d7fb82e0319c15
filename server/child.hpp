#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "rtpx/result.hpp"

namespace rtpx::server {

/// How a child process ended.
struct ChildExit {
  int code = -1;  ///< exit status; -1 when a signal ended it
  int signal = 0;
  std::string stderr_tail;  ///< the last 4 KiB of what it said
  bool cancelled = false;
};

struct ChildOptions {
  std::vector<std::string> command;                          ///< program and arguments
  std::filesystem::path stdout_file;                         ///< replaced
  std::uint64_t memory_bytes = 0;                            ///< address space limit; 0: none
  std::function<void(const std::string& line)> on_progress;  ///< lines that it writes to descriptor 3
};

/// Why it failed, for a person: its own last sentence, or that it crashed. `what`: "conversion".
[[nodiscard]] std::string explain(const ChildExit& exit, const std::string& what);

/// Runs a program at low priority, in a process group that dies with this process, and waits. A stop ends it:
/// SIGTERM, after 3 s SIGKILL. Errors: io when it cannot be started.
[[nodiscard]] Result<ChildExit> run_child(const ChildOptions& options, std::stop_token stop);

}  // namespace rtpx::server
