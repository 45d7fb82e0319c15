#pragma once

#include <string>
#include <vector>

#include "compose/call.hpp"
#include "compose/layout.hpp"

namespace rtpx::film {

/// Where somebody stands, in pixels of the canvas. All four are even.
struct Tile {
  std::size_t participant = 0;
  int picture = -1;  ///< index of the participant's; -1: there is none now
  int x = 0, y = 0, width = 0, height = 0;
  Fit fit = Fit::automatic;
  bool over = false;  ///< lies over the tiles before
  bool muted = false, speaking = false;
  bool operator==(const Tile&) const = default;
};

/// What is seen from one change to the next.
struct Scene {
  Span span;
  std::vector<Tile> tiles;       ///< drawn in this order
  std::vector<std::string> why;  ///< what has changed, in words
  bool operator==(const Scene&) const = default;
};

struct Plan {
  int width = 0, height = 0;  ///< both even
  std::vector<Scene> scenes;  ///< one after the other, without a gap, to the call's end
};

/// Who is where when: a pure function. `width` and `height` are even and at least 160 and 90. `from_ns`: where the plan
/// begins, of a call whose beginning is of no use any more.
[[nodiscard]] Plan plan_scenes(const Call& call, const Layout& layout, int width, int height, std::int64_t from_ns = 0);

/// The plan for people and programs (docs/json.md), one line.
[[nodiscard]] std::string serialize_plan(const Plan& plan, const Call& call, const Layout& layout);

}  // namespace rtpx::film
