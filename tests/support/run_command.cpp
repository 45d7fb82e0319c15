#include "support/run_command.hpp"

namespace rtpx::test {

std::string rtpx_command() {
  return RTPX_COMMAND;
}

ProgramResult rtpx(std::vector<std::string> arguments, const std::function<bool()>& interrupt_when) {
  arguments.insert(arguments.begin(), rtpx_command());
  return run_program(arguments, interrupt_when);
}

}  // namespace rtpx::test
