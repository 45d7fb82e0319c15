#include "compose/layout.hpp"

#include <algorithm>

namespace rtpx::film {
namespace {

constexpr double kSpacing = 0.0056;  // 4 pixels of 720
constexpr double kStrip = 0.2;       // of the width, for those who are not on the stage
constexpr int kStripPeople = 5;

Region region(double x, double y, double width, double height, Show show) {
  Region out;
  out.x = x;
  out.y = y;
  out.width = width;
  out.height = height;
  out.show = show;
  return out;
}

Region strip() {
  Region out = region(1 - kStrip, 0, kStrip, 1, Show::others);
  out.arrange = Arrange::column;
  out.most = kStripPeople;
  return out;
}

Region inset(Show show) {
  Region out = region(0.73, 0.73, 0.25, 0.25, show);
  out.over = true;
  out.most = 1;
  return out;
}

Region one_of(Region region) {
  region.most = 1;
  return region;
}

Variant variant(std::optional<bool> share, int least_people, std::vector<Region> regions) {
  Variant out;
  out.share = share;
  out.least_people = least_people;
  out.regions = std::move(regions);
  return out;
}

const Variant& share_with_strip() {
  static const Variant made = variant(true, 1, {region(0, 0, 1 - kStrip, 1, Show::share), strip()});
  return made;
}

std::vector<Layout> make_layouts() {
  const Region whole_speaker = region(0, 0, 1, 1, Show::speaker);
  const Region whole_share = region(0, 0, 1, 1, Show::share);
  std::vector<Layout> out;
  out.push_back({"grid",
                 kSpacing,
                 {16, 20, 28},
                 {share_with_strip(), variant(std::nullopt, 0, {region(0, 0, 1, 1, Show::everyone)})}});
  out.push_back(
      {"speaker",
       kSpacing,
       {16, 20, 28},
       {share_with_strip(), variant(false, 2, {region(0, 0, 1 - kStrip, 1, Show::speaker), strip()}),
        variant(std::nullopt, 0, {whole_speaker})}});
  out.push_back({"single-speaker",
                 0,
                 {16, 20, 28},
                 {variant(true, 0, {whole_share}), variant(std::nullopt, 0, {whole_speaker})}});
  out.push_back(
      {"side-by-side",
       kSpacing,
       {16, 20, 28},
       {variant(true, 0, {region(0, 0, 0.75, 1, Show::share), region(0.75, 0, 0.25, 1, Show::speaker)}),
        variant(false, 2,
                {region(0, 0, 0.5, 1, Show::speaker), region(0.5, 0, 0.5, 1, Show::previous_speaker)}),
        variant(std::nullopt, 0, {whole_speaker})}});
  out.push_back({"pip",
                 0,
                 {16, 20, 28},
                 {variant(true, 0, {whole_share, inset(Show::speaker)}),
                  variant(false, 2, {whole_speaker, one_of(inset(Show::previous_speaker))}),
                  variant(std::nullopt, 0, {whole_speaker})}});
  return out;
}

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> made = make_layouts();
  return made;
}

}  // namespace

const std::vector<std::string>& layout_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Layout& layout : layouts()) out.push_back(layout.name);
    return out;
  }();
  return names;
}

Result<Layout> layout_by_name(std::string_view name) {
  const auto found = std::ranges::find(layouts(), name, &Layout::name);
  if (found != layouts().end()) return *found;
  std::string known;
  for (const std::string& one : layout_names()) known += (known.empty() ? "" : ", ") + one;
  return fail(Errc::invalid_argument, "there is no layout \"" + std::string(name) + "\"; choose " + known +
                                          ", or a file of your own");
}

Result<Colour> parse_colour(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  const bool right = text.size() == 7 && text[0] == '#' &&
                     std::ranges::all_of(text.substr(1), [&](char c) { return digit(c) >= 0; });
  if (!right)
    return fail(Errc::invalid_argument,
                "\"" + std::string(text.substr(0, 40)) + "\" is no colour: give #rrggbb");
  const auto pair = [&](std::size_t at) {
    return static_cast<std::uint8_t>(digit(text[at]) * 16 + digit(text[at + 1]));
  };
  return Colour{pair(1), pair(3), pair(5)};
}

}  // namespace rtpx::film
