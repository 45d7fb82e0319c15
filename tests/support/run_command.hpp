#pragma once

#include "support/child.hpp"

namespace rtpx::test {

/// The rtpx command of this build.
[[nodiscard]] std::string rtpx_command();

/// Runs it; see run_program().
[[nodiscard]] ProgramResult rtpx(std::vector<std::string> arguments,
                                 const std::function<bool()>& interrupt_when = {});

}  // namespace rtpx::test
