#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compose/film_pictures.hpp"
#include "compose/layout.hpp"
#include "compose/mixer.hpp"
#include "media/reencode.hpp"
#include "rtpx/composer.hpp"

// What ComposeOptions ask for, checked and as the rest of this folder takes it.
namespace rtpx::film {

/// What the output is to be.
struct Target {
  Format format = Format::ogg;
  std::optional<VideoCodec> video;
  AudioCodec audio = AudioCodec::opus;
};

/// By the output's name and the codecs asked for. Errors: invalid_argument.
[[nodiscard]] Result<Target> target_of(const ComposeOptions& options);
/// What the encoder of pictures is asked for.
[[nodiscard]] Reencode encoding_of(const ComposeOptions& options, VideoCodec codec);
[[nodiscard]] int threads_of(const ComposeOptions& options);
/// What the canvas is to be. `started`: the film's zero, where it is known.
[[nodiscard]] FilmPictureOptions painting_of(const ComposeOptions& options, const Layout& layout,
                                             std::optional<UtcTime> started);
/// With the background, logo and clock asked for. Errors: invalid_argument, malformed, not_found, io.
[[nodiscard]] Result<Layout> read_layout(const ComposeOptions& options);
/// Whether all numbers are in range, and no file would take another's place. Errors: invalid_argument, naming the option.
[[nodiscard]] Result<void> check(const ComposeOptions& options);
/// Names, without extension, of files that options put into this folder.
[[nodiscard]] std::set<std::string> names_taken(const ComposeOptions& options, const std::filesystem::path& folder,
                                                const std::string& extension);
/// One for each participant. Errors: invalid_argument: a name that nobody has.
[[nodiscard]] Result<std::vector<Voice>> voices_of(const Call& call, const ComposeOptions& options);

}  // namespace rtpx::film
