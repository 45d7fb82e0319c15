#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rtpx {

/// Matroska's date of "2026-07-01T12:34:56[.789]Z"; nullopt for anything else.
[[nodiscard]] std::optional<std::int64_t> nanoseconds_since_2001(std::string_view iso_8601);

}  // namespace rtpx
