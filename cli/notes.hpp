#pragma once

#include <vector>

#include "rtpx/converter.hpp"

namespace rtpx::cli {

/// Prints each on stderr, "rtpx <command>: lost: …".
void print_notes(const char* command, const std::vector<ConvertNote>& notes);

}  // namespace rtpx::cli
