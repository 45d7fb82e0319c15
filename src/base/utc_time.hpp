#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rtpx/manifest.hpp"

namespace rtpx {

/// "2026-11-22T12:37:03.800051Z": ISO 8601 as upstream writes it.
[[nodiscard]] std::string format_utc(UtcTime time);

/// Reads ISO 8601: any number of fraction digits (those beyond microseconds are dropped), `Z` or an offset
/// such as
/// "+02:00". nullopt for anything else, and for dates that do not exist.
[[nodiscard]] std::optional<UtcTime> parse_utc(std::string_view text);

/// Now, by the wall clock.
[[nodiscard]] UtcTime utc_now();

}  // namespace rtpx
