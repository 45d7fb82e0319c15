#pragma once

#include <array>
#include <climits>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtpx/composer.hpp"
#include "rtpx/result.hpp"

namespace rtpx::film {

/// Who stands in a region.
enum class Show : std::uint8_t {
  share,             ///< the screen that was shared last
  speaker,           ///< who speaks, or spoke last
  previous_speaker,  ///< who spoke before
  others,            ///< all whom no other region of the variant shows
  everyone,
  participant,  ///< one person by name or id
};
enum class Arrange : std::uint8_t { grid, row, column };
/// How a picture of another shape fills its tile: cover cuts its edges, contain leaves borders. Automatic:
/// screens and what would lose more than a quarter are contained, the rest covers.
enum class Fit : std::uint8_t { automatic, cover, contain };

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Colour&) const = default;
};

/// A part of the canvas, in shares of its width and height.
struct Region {
  double x = 0, y = 0, width = 1, height = 1;
  Show show = Show::everyone;
  std::string participant;  ///< Show::participant
  Arrange arrange = Arrange::grid;
  int most = 25;  ///< people; more: those who spoke last
  Fit fit = Fit::automatic;
  bool over = false;  ///< may lie over others
  bool operator==(const Region&) const = default;
};

/// Regions, and when they hold.
struct Variant {
  std::optional<bool> share;  ///< only while a screen is shared, or only while none is
  int least_people = 0, most_people = INT_MAX;
  std::vector<Region> regions;
  bool operator==(const Variant&) const = default;
};

/// Data: who stands where, by rules. The first variant that fits the moment holds.
struct Layout {
  std::string name;
  double spacing = 0;  ///< between tiles, a share of the canvas' height
  Colour background{16, 20, 28};
  std::vector<Variant> variants;
  std::optional<FilmLogo> logo;
  std::optional<FilmClock> clock;
  bool operator==(const Layout&) const = default;
};

/// "grid", "speaker", "single-speaker", "side-by-side", "pip".
[[nodiscard]] const std::vector<std::string>& layout_names();
/// Errors: invalid_argument, naming those that there are.
[[nodiscard]] Result<Layout> layout_by_name(std::string_view name);
/// A layout of one's own (docs/layout.schema.json). Total. Errors: malformed and invalid_argument, naming the
/// region.
[[nodiscard]] Result<Layout> parse_layout(std::string_view json, const std::string& what);
/// "#rrggbb". Errors: invalid_argument.
[[nodiscard]] Result<Colour> parse_colour(std::string_view text);

}  // namespace rtpx::film
