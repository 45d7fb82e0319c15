#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "rtpx/result.hpp"

namespace rtpx::server {

/// How a child process ended.
struct ChildExit {
  int code = -1;  ///< exit status; -1 when a signal ended it
  int signal = 0;
  std::string stderr_tail;  ///< the last 4 KiB of what it said
  bool cancelled = false;
  bool too_long = false;  ///< ended because its deadline was over
};

inline constexpr const char* kSecretPath = "/dev/fd/4";

struct ChildOptions {
  std::vector<std::string> command;                          ///< program and arguments
  std::filesystem::path stdout_file;                         ///< replaced
  std::uint64_t memory_bytes = 0;                            ///< address space limit; 0: none
  std::function<void(const std::string& line)> on_progress;  ///< lines that it writes to descriptor 3
  std::filesystem::path folder;      ///< where it runs, and for its temporary files; empty: as this process
  std::uint64_t file_bytes = 0;      ///< the largest file that it may write; 0: no limit
  std::chrono::seconds deadline{0};  ///< it is ended after so long; 0: never
  /// What it finds at kSecretPath, and nobody else anywhere: never in a file, argument or environment.
  std::string_view secret;
  std::string_view input;  ///< what it reads on standard input; empty: nothing
  bool sandboxed = true;   ///< false: it is a command of the operator's, and may do what it likes
  bool network = false;              ///< it talks to an object store, and gets the AWS_* variables for it
  bool index_key = false;            ///< it makes or uses packet indexes: it learns where their key is
  int objects = -1;                  ///< a socket by which it reads objects (s3/object_relay.hpp); -1: none
};

/// Why it failed, for a person: its own last sentence, or that it crashed. `what`: "conversion".
[[nodiscard]] std::string explain(const ChildExit& exit, const std::string& what);

/// Runs a program at low priority, in a process group that dies with this process, and waits. What it
/// inherits is a list: no descriptor but its own, of the environment neither tokens nor keys (unless it needs
/// the network). Without `network` the kernel refuses it sockets where it can (sandbox.hpp). A stop or the
/// deadline ends it: SIGTERM, after 3 s SIGKILL. Errors: io when it cannot be started.
[[nodiscard]] Result<ChildExit> run_child(const ChildOptions& options, std::stop_token stop);

}  // namespace rtpx::server
