#pragma once

#include <string>

#include "base/bytes.hpp"
#include "rtpx/result.hpp"

namespace rtpx::cli {

/// Writes what a command has made to `output`, whole or not at all; its folder is made. "-" is standard output.
/// Errors: already_exists (a recording's own file), io, no_space.
[[nodiscard]] Result<void> write_output(const std::string& output, Bytes content);

}  // namespace rtpx::cli
