#pragma once

#include <optional>
#include <string>
#include <utility>

#include "convert/moment.hpp"

namespace rtpx::cli {

/// On a recording's timeline whose zero was at `started`. Errors: invalid_argument (it is not known when that
/// was).
[[nodiscard]] Result<std::int64_t> time_of(const Moment& moment, const std::optional<UtcTime>& started);

/// "640x360", "640x" or "x360": a side left out keeps the aspect, and is -1. Errors: invalid_argument, naming
/// the option.
[[nodiscard]] Result<std::pair<int, int>> parse_size(const std::string& text, const char* option);

}  // namespace rtpx::cli
