#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "play/playlist.hpp"
#include "play/program.hpp"

namespace rtpx {

/// A moment that somebody marked while the recording ran, on the recording's timeline.
struct PlayedMark {
  std::int64_t time_ns = 0;
  std::string text;
};

/// Whether the multivariant playlist names them: there are some, or there may be.
[[nodiscard]] bool shows_marks(const Program& program, const std::vector<PlayedMark>& marks);

/// The media playlist of a program's marks, as subtitles. Its segments lie where those of Program::first_shown do.
[[nodiscard]] std::string marks_playlist(const Program& program, const PlayAddresses& addresses);

/// One of its segments: WebVTT, whose times count from the program's start (RFC 8216bis section 3.1.4). nullopt: there is
/// none of that number.
[[nodiscard]] std::optional<std::string> marks_segment(const Program& program, const std::vector<PlayedMark>& marks,
                                                       std::size_t number);

/// The folder of them in addresses: "marks" of the first program, "marks-2" of the second.
[[nodiscard]] std::string marks_folder(std::size_t program);

}  // namespace rtpx
