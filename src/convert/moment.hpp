#pragma once

#include "rtpx/converter.hpp"

namespace rtpx {

/// A time as people write it: "83.2", "1:23.2", "1:02:03" from the recording's first media, or ISO 8601 on
/// the wall clock. Errors: invalid_argument, naming the option.
[[nodiscard]] Result<Moment> parse_moment(const std::string& text, const std::string& option);

/// Where a moment lies on the timeline of a recording whose zero was at `started`. Errors: invalid_argument
/// (a time on the wall clock, and nobody knows when the recording was made).
[[nodiscard]] inline Result<std::int64_t> timeline_ns(const Moment& moment,
                                                      const std::optional<UtcTime>& started) {
  if (const auto* offset = std::get_if<std::chrono::nanoseconds>(&moment)) return offset->count();
  if (!started)
    return fail(Errc::invalid_argument,
                "the recording does not say when it was made: give times from its beginning, as 1:23.5");
  const auto apart = std::get<UtcTime>(moment) - *started;
  constexpr std::chrono::hours kMost{24 * 366 * 200};
  if (apart > kMost || apart < -kMost)
    return fail(Errc::invalid_argument, "that time is centuries from the recording's");
  return std::chrono::nanoseconds(apart).count();
}

}  // namespace rtpx
