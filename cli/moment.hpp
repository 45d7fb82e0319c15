#pragma once

#include <optional>
#include <string>
#include <utility>

#include "rtpx/converter.hpp"

namespace rtpx::cli {

/// A time as people write it: "83.2", "1:23.2", "1:02:03" from the recording's first media, or ISO 8601 on
/// the wall clock. Errors: invalid_argument, naming the option.
[[nodiscard]] Result<Moment> parse_moment(const std::string& text, const char* option);
/// On a recording's timeline whose zero was at `started`. Errors: invalid_argument (it is not known when that
/// was).
[[nodiscard]] Result<std::int64_t> time_of(const Moment& moment, const std::optional<UtcTime>& started);

/// "640x360", "640x" or "x360": a side left out keeps the aspect, and is -1. Errors: invalid_argument, naming
/// the option.
[[nodiscard]] Result<std::pair<int, int>> parse_size(const std::string& text, const char* option);

}  // namespace rtpx::cli
