#pragma once

#include <stop_token>
#include <string>

#include "rtpx/result.hpp"

namespace rtpx::cli {

/// Exit statuses of every subcommand. docs/command.md lists them; scripts rely on them.
enum ExitCode : int {
  kDone = 0,
  kLosses = 1,    ///< done, with losses or damage that are reported
  kUsage = 2,     ///< the command line is wrong
  kUnusable = 3,  ///< the input is missing, or is not what it should be
  kFailed = 4,    ///< the disk, the network or an interruption stopped it
};

/// What main() shares with the subcommands.
class Program {
 public:
  int exit_code = kDone;

  /// Stop is requested at the first SIGINT or SIGTERM; a second one ends the process at once.
  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }

  /// Call before any other thread starts: all of them inherit the blocked signals.
  void watch_signals();

 private:
  std::stop_source stop_;
};

[[nodiscard]] int exit_code(const Error& error);

/// Prints "rtpx <command>: <message>" on stderr and answers the exit code of the error.
int report(const char* command, const Error& error);

}  // namespace rtpx::cli
