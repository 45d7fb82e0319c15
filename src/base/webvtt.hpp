#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rtpx {

/// A cue of a WebVTT file with the empty line before it. Times below zero are zero. `payload` stands as it is.
[[nodiscard]] std::string webvtt_cue(std::int64_t start_ns, std::int64_t end_ns, std::string_view payload);

/// One line, in which nothing is markup (WebVTT section 4.2); "-" where nothing would be seen.
[[nodiscard]] std::string webvtt_text(std::string_view text);

}  // namespace rtpx
