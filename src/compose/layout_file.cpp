#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "base/json.hpp"
#include "compose/layout.hpp"
#include "compose/overlays.hpp"

namespace rtpx::film {
namespace {

constexpr std::size_t kMostVariants = 32, kMostRegions = 64;
constexpr double kRounding = 1e-9;

/// Reads one object: every key must be known, so that a misspelt one is found.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  Result<void> check(std::initializer_list<const char*> known) const {
    if (!object_.is_object()) return error("is no object");
    for (const auto& [key, value] : object_.items())
      if (std::ranges::find_if(known, [&](const char* one) { return key == one; }) == known.end())
        return error("has the unknown key \"" + key.substr(0, 60) + "\"");
    return {};
  }
  Result<void> number(const char* key, double least, double most, double& out) const {
    const auto at = object_.find(key);
    if (at == object_.end()) return {};
    if (!at->is_number()) return error(std::string(key) + " is no number");
    const double value = at->get<double>();
    if (!(value >= least && value <= most))
      return error(std::string(key) + " is not within " + text_of(least) + " to " + text_of(most));
    out = value;
    return {};
  }
  Result<void> whole(const char* key, int least, int most, int& out) const {
    double value = out;
    if (auto read = number(key, least, most, value); !read) return read;
    out = static_cast<int>(std::lround(value));
    return {};
  }
  Result<void> flag(const char* key, bool& out) const {
    const auto at = object_.find(key);
    if (at == object_.end()) return {};
    if (!at->is_boolean()) return error(std::string(key) + " is neither true nor false");
    out = at->get<bool>();
    return {};
  }
  Result<void> text(const char* key, std::string& out) const {
    const auto at = object_.find(key);
    if (at == object_.end()) return {};
    if (!at->is_string() || at->get_ref<const std::string&>().size() > 1000)
      return error(std::string(key) + " is no text of at most 1000 bytes");
    out = at->get<std::string>();
    return {};
  }
  [[nodiscard]] const Json* find(const char* key) const {
    const auto at = object_.find(key);
    return at == object_.end() ? nullptr : &*at;
  }
  [[nodiscard]] Unexpected<Error> error(const std::string& what) const {
    return fail(Errc::malformed, where_ + " " + what);
  }

 private:
  static std::string text_of(double value) {
    std::string out = std::to_string(value);
    while (out.ends_with('0')) out.pop_back();
    if (out.ends_with('.')) out.pop_back();
    return out;
  }
  const Json& object_;
  std::string where_;
};

Result<void> read_show(const Fields& fields, Region& region) {
  std::string show = "everyone";
  if (auto read = fields.text("show", show); !read) return read;
  constexpr std::pair<const char*, Show> kKnown[] = {
      {"share", Show::share},   {"speaker", Show::speaker},   {"previous-speaker", Show::previous_speaker},
      {"others", Show::others}, {"everyone", Show::everyone}, {"participant", Show::participant}};
  for (const auto& [name, value] : kKnown)
    if (show == name) {
      region.show = value;
      if (auto read = fields.text("participant", region.participant); !read) return read;
      if (value == Show::participant && region.participant.empty())
        return fields.error("shows a participant, but does not name one");
      return {};
    }
  return fields.error("shows none of share, speaker, previous-speaker, others, everyone, participant");
}

Result<Region> read_region(const Json& value, const std::string& where) {
  const Fields fields(value, where);
  if (auto known = fields.check(
          {"x", "y", "width", "height", "show", "participant", "arrange", "most", "fit", "over"});
      !known)
    return std::unexpected(known.error());
  Region region;
  for (const auto& [key, out] : {std::pair("x", &region.x), std::pair("y", &region.y)})
    if (auto read = fields.number(key, 0, 1, *out); !read) return std::unexpected(read.error());
  for (const auto& [key, out] : {std::pair("width", &region.width), std::pair("height", &region.height)})
    if (auto read = fields.number(key, 0.02, 1, *out); !read) return std::unexpected(read.error());
  if (region.x + region.width > 1 + kRounding || region.y + region.height > 1 + kRounding)
    return fields.error("reaches out of the canvas");
  if (auto read = read_show(fields, region); !read) return std::unexpected(read.error());
  std::string arrange = "grid", fit = "auto";
  if (auto read = fields.text("arrange", arrange); !read) return std::unexpected(read.error());
  if (arrange != "grid" && arrange != "row" && arrange != "column")
    return fields.error("is arranged as none of grid, row, column");
  region.arrange = arrange == "row" ? Arrange::row : arrange == "column" ? Arrange::column : Arrange::grid;
  if (auto read = fields.text("fit", fit); !read) return std::unexpected(read.error());
  if (fit != "auto" && fit != "cover" && fit != "contain")
    return fields.error("has a fit that is none of auto, cover, contain");
  region.fit = fit == "cover" ? Fit::cover : fit == "contain" ? Fit::contain : Fit::automatic;
  if (auto read = fields.whole("most", 1, 100, region.most); !read) return std::unexpected(read.error());
  if (auto read = fields.flag("over", region.over); !read) return std::unexpected(read.error());
  return region;
}

bool overlap(const Region& a, const Region& b) {
  return a.x + kRounding < b.x + b.width && b.x + kRounding < a.x + a.width &&
         a.y + kRounding < b.y + b.height && b.y + kRounding < a.y + a.height;
}

Result<Variant> read_variant(const Json& value, const std::string& where) {
  const Fields fields(value, where);
  if (auto known = fields.check({"share", "people", "regions"}); !known)
    return std::unexpected(known.error());
  Variant variant;
  bool share = false;
  if (auto read = fields.flag("share", share); !read) return std::unexpected(read.error());
  if (fields.find("share") != nullptr) variant.share = share;
  if (const Json* people = fields.find("people")) {
    const Fields range(*people, where + ": people");
    if (auto known = range.check({"least", "most"}); !known) return std::unexpected(known.error());
    if (auto read = range.whole("least", 0, 1'000'000, variant.least_people); !read)
      return std::unexpected(read.error());
    if (range.find("most") != nullptr)
      if (auto read = range.whole("most", 0, 1'000'000, variant.most_people = 0); !read)
        return std::unexpected(read.error());
  }
  const Json* regions = fields.find("regions");
  if (regions == nullptr || !regions->is_array() || regions->empty() || regions->size() > kMostRegions)
    return fields.error("has no regions, a list of 1 to 64");
  for (std::size_t i = 0; i < regions->size(); ++i) {
    const std::string place = where + ", region " + std::to_string(i + 1);
    auto region = read_region((*regions)[i], place);
    if (!region) return std::unexpected(region.error());
    for (const Region& before : variant.regions)
      if (!region->over && !before.over && overlap(before, *region))
        return fail(Errc::malformed, place + " overlaps another one; say \"over\": true where that is meant");
    variant.regions.push_back(std::move(*region));
  }
  return variant;
}

Result<void> read_place(const Fields& fields, FilmPlace& out) {
  constexpr std::pair<const char*, FilmPlace> kKnown[] = {
      {"top-left", FilmPlace::top_left},       {"top", FilmPlace::top},       {"top-right", FilmPlace::top_right},
      {"bottom-left", FilmPlace::bottom_left}, {"bottom", FilmPlace::bottom}, {"bottom-right", FilmPlace::bottom_right}};
  if (fields.find("place") == nullptr) return {};
  std::string place;
  if (auto read = fields.text("place", place); !read) return read;
  for (const auto& [name, value] : kKnown)
    if (place == name) {
      out = value;
      return {};
    }
  return fields.error("has a place that is none of top-left, top, top-right, bottom-left, bottom, bottom-right");
}

Result<FilmLogo> read_logo_object(const Json& value, const std::string& where) {
  const Fields fields(value, where);
  if (auto known = fields.check({"file", "place", "height"}); !known) return std::unexpected(known.error());
  FilmLogo logo;
  std::string file;
  if (auto read = fields.text("file", file); !read) return std::unexpected(read.error());
  if (file.empty() || file.find('\0') != file.npos) return fields.error("names no file");
  logo.file = file;
  if (auto read = read_place(fields, logo.place); !read) return std::unexpected(read.error());
  if (auto read = fields.number("height", 0.02, 1, logo.height); !read) return std::unexpected(read.error());
  return logo;
}

Result<FilmClock> read_clock_object(const Json& value, const std::string& where) {
  const Fields fields(value, where);
  if (auto known = fields.check({"place", "offset"}); !known) return std::unexpected(known.error());
  FilmClock clock;
  if (auto read = read_place(fields, clock.place); !read) return std::unexpected(read.error());
  if (auto read = fields.text("offset", clock.offset); !read) return std::unexpected(read.error());
  if (const auto offset = parse_clock_offset(clock.offset); !offset) return fields.error("has an offset that is none: " + offset.error().message);
  return clock;
}

}  // namespace

Result<Layout> parse_layout(std::string_view text, const std::string& what) {
  const auto json = parse_json(text, what);
  if (!json) return std::unexpected(json.error());
  const Fields fields(*json, what);
  if (auto known = fields.check({"$schema", "name", "spacing", "background", "logo", "clock", "variants"}); !known)
    return std::unexpected(known.error());
  Layout layout;
  layout.name = "own";
  if (auto read = fields.text("name", layout.name); !read) return std::unexpected(read.error());
  if (auto read = fields.number("spacing", 0, 0.1, layout.spacing); !read)
    return std::unexpected(read.error());
  if (fields.find("background") != nullptr) {
    std::string colour;
    if (auto read = fields.text("background", colour); !read) return std::unexpected(read.error());
    const auto parsed = parse_colour(colour);
    if (!parsed) return fields.error("has the background " + parsed.error().message);
    layout.background = *parsed;
  }
  if (const Json* logo = fields.find("logo")) {
    auto read = read_logo_object(*logo, what + ": logo");
    if (!read) return std::unexpected(read.error());
    layout.logo = std::move(*read);
  }
  if (const Json* clock = fields.find("clock")) {
    auto read = read_clock_object(*clock, what + ": clock");
    if (!read) return std::unexpected(read.error());
    layout.clock = std::move(*read);
  }
  const Json* variants = fields.find("variants");
  if (variants == nullptr || !variants->is_array() || variants->empty() || variants->size() > kMostVariants)
    return fields.error("has no variants, a list of 1 to 32");
  for (std::size_t i = 0; i < variants->size(); ++i) {
    auto variant = read_variant((*variants)[i], what + ": variant " + std::to_string(i + 1));
    if (!variant) return std::unexpected(variant.error());
    layout.variants.push_back(std::move(*variant));
  }
  return layout;
}

}  // namespace rtpx::film
