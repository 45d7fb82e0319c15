#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rtpx {

/// Nanoseconds of "83.2", "1:23.2" or "1:02:03.25": [[hours:]minutes:]seconds with any number of fraction
/// digits (those beyond nanoseconds are dropped). Minutes and seconds behind a colon are below 60. nullopt
/// for anything else, and for more than a thousand years' worth of hours.
[[nodiscard]] std::optional<std::int64_t> parse_time_offset(std::string_view text) noexcept;

}  // namespace rtpx
