#include "convert/moment.hpp"

#include "base/time_text.hpp"
#include "base/utc_time.hpp"

namespace rtpx {

Result<Moment> parse_moment(const std::string& text, const std::string& option) {
  if (const auto offset = parse_time_offset(text)) return std::chrono::nanoseconds(*offset);
  if (const auto utc = parse_utc(text)) return *utc;
  return fail(Errc::invalid_argument,
              option + " " + text +
                  ": give seconds, [[h:]m:]s[.fff], or a time on the wall clock as 2026-11-28T21:57:03Z");
}

}  // namespace rtpx
