#pragma once

#include <string>

#include "compose/paint.hpp"

namespace rtpx::film {

/// What is written on a tile of `width` x `height`: the name in its lower left corner, in any script, right
/// to left too, and a struck-out microphone for who is muted. Empty where the tile is too small, or nothing
/// is to be said.
[[nodiscard]] Overlay draw_label(const std::string& name, bool muted, int width, int height);

/// A tile of somebody without a picture: initials on a disc whose colour goes with `id`. As large as the
/// tile.
[[nodiscard]] Overlay draw_initials(const std::string& name, const std::string& id, int width, int height);

/// A line at the top of a canvas.
[[nodiscard]] Overlay draw_title(const std::string& title, int width, int height);

/// A small line for a canvas of this size, in the upper left corner.
[[nodiscard]] Overlay draw_clock(const std::string& time, int width, int height);

/// The first letters of the first and the last word, with what belongs to them (marks, joiners).
[[nodiscard]] std::string initials_of(const std::string& name);

}  // namespace rtpx::film
