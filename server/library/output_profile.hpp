#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rtpx/result.hpp"

namespace rtpx::server {

/// What `rtpx convert --format` takes.
inline constexpr const char* kFormats[] = {"auto", "webm", "mkv", "mp4", "fmp4", "ogg", "wav", "ivf", "h264", "h265"};

/// The most profiles that one recording is converted into.
inline constexpr std::size_t kMostProfiles = 16;

/// One of the things that a recording is converted into, as --output says it: a format ("mp4"), or
/// NAME=FORMAT[:OPTION=VALUE,…] ("small=mp4:video=h264,size=640x360"), whose files have NAME in their own.
struct OutputProfile {
  std::string text;                    ///< as it was written
  std::string name;                    ///< the format, where it has no other
  std::vector<std::string> arguments;  ///< of `rtpx convert`
  bool has_pictures = true;            ///< false: sound alone
  bool operator==(const OutputProfile&) const = default;
};

/// Errors: invalid_argument, saying what there is.
[[nodiscard]] Result<OutputProfile> parse_output_profile(std::string_view text);
/// Those of one recording, the first one first. Errors: invalid_argument, also where two have one name or would write
/// the same file.
[[nodiscard]] Result<std::vector<OutputProfile>> parse_output_profiles(const std::vector<std::string>& texts);

}  // namespace rtpx::server
