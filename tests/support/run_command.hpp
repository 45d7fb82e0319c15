#pragma once

#include <functional>
#include <string>
#include <vector>

namespace rtpx::test {

struct CommandResult {
  int status = -1;  ///< exit status; 128 + signal when killed
  std::string out, err;
};

/// Runs a program with arguments and waits for it. `interrupt_when`: polled; SIGINT is sent
/// once it answers true.
[[nodiscard]] CommandResult run_program(const std::vector<std::string>& arguments,
                                        const std::function<bool()>& interrupt_when = {});

/// The rtpx command of this build.
[[nodiscard]] CommandResult rtpx(std::vector<std::string> arguments,
                                 const std::function<bool()>& interrupt_when = {});

/// True when the program is installed.
[[nodiscard]] bool installed(const std::string& program);

}  // namespace rtpx::test
