#pragma once

#include <string>

#include "play/playlist.hpp"
#include "play/presentation.hpp"

namespace rtpx {

/// What a player of our own needs of all programs at once, as JSON (docs/json.md): the segments of every
/// rendition in the container that browsers play its codec from, and how many packets were lost, by second.
[[nodiscard]] std::string player_index(const Presentation& presentation, const PlayAddresses& addresses);

}  // namespace rtpx
