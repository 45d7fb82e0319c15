#include "compose/plan.hpp"

#include <algorithm>
#include <cmath>

#include "base/json.hpp"

namespace rtpx::film {
namespace {

constexpr int kSmallest = 8;  // pixels of a tile's side

int even(double value) {
  return static_cast<int>(std::lround(value / 2)) * 2;
}

/// Edges of a part of the canvas: neighbours share them, whatever is rounded.
struct Box {
  int left = 0, top = 0, right = 0, bottom = 0;
};

/// What is true of the call at one moment.
struct Moment {
  std::vector<std::size_t> people;   // who is there, in the order of joining
  std::vector<std::size_t> recency;  // the same, who spoke last first
  struct Share {
    std::size_t who = 0;
    int picture = 0;
    std::int64_t since_ns = 0;
  };
  std::vector<Share> shares;  // the latest first
};

/// Goes through a call in time, and answers what each moment shows.
class Director {
 public:
  Director(const Call& call, const Layout& layout, int width, int height)
      : call_(call), layout_(layout), width_(width), height_(height) {
    spacing_ = even(layout.spacing * height / 2) * 2;  // half of it on each side stays even
    collect_events();
  }

  Plan plan(std::int64_t from_ns) {
    Plan out{width_, height_, {}};
    const std::vector<std::int64_t> times = changes(from_ns);
    for (std::size_t i = 0; i + 1 < times.size(); ++i) {
      Scene scene{{times[i], times[i + 1]}, tiles_at(times[i]), {}};
      if (!out.scenes.empty() && out.scenes.back().tiles == scene.tiles) {
        out.scenes.back().span.to_ns = scene.span.to_ns;
        continue;
      }
      scene.why = why(times[i]);
      out.scenes.push_back(std::move(scene));
    }
    return out;
  }

 private:
  [[nodiscard]] std::vector<std::int64_t> changes(std::int64_t from_ns) const {
    std::vector<std::int64_t> times{from_ns, call_.duration_ns};
    for (const Event& event : events_) times.push_back(event.time_ns);
    std::erase_if(times, [&](std::int64_t time) { return time < from_ns || time > call_.duration_ns; });
    std::ranges::sort(times);
    times.erase(std::unique(times.begin(), times.end()), times.end());
    return times;
  }

  // Times come in order.
  Moment moment(std::int64_t now) {
    for (; next_turn_ < call_.turns.size() && call_.turns[next_turn_].from_ns <= now; ++next_turn_) {
      const std::size_t who = call_.turns[next_turn_].who;
      std::erase(spoke_, who);
      spoke_.insert(spoke_.begin(), who);
    }
    Moment out;
    for (std::size_t i = 0; i < call_.participants.size(); ++i) {
      const Participant& one = call_.participants[i];
      if (!one.there.holds(now)) continue;
      out.people.push_back(i);
      for (std::size_t p = 0; p < one.pictures.size(); ++p)
        if (one.pictures[p].screen)
          for (const Span& span : one.pictures[p].shown)
            if (span.holds(now)) out.shares.push_back({i, static_cast<int>(p), span.from_ns});
    }
    std::ranges::stable_sort(out.shares, std::greater(), &Moment::Share::since_ns);
    for (const std::size_t who : spoke_)
      if (std::ranges::binary_search(out.people, who)) out.recency.push_back(who);
    // Nobody of the rest has spoken: who can be seen goes first.
    for (const bool seen : {true, false})
      for (const std::size_t who : out.people)
        if (std::ranges::find(out.recency, who) == out.recency.end() && (camera_of(who, now) >= 0) == seen)
          out.recency.push_back(who);
    return out;
  }

  [[nodiscard]] int camera_of(std::size_t who, std::int64_t now) const {
    const auto& pictures = call_.participants[who].pictures;
    for (std::size_t p = 0; p < pictures.size(); ++p)
      if (!pictures[p].screen && holds(pictures[p].shown, now)) return static_cast<int>(p);
    return -1;
  }

  [[nodiscard]] Tile tile_of(std::size_t who, int picture, const Region& region, std::int64_t now) const {
    Tile tile;
    tile.participant = who;
    tile.picture = picture;
    tile.fit = region.fit;
    tile.over = region.over;
    const Participant& one = call_.participants[who];
    const bool screen = picture >= 0 && one.pictures[static_cast<std::size_t>(picture)].screen;
    tile.muted = !screen && (!one.sound || holds(one.muted, now));
    tile.speaking = !screen && holds(one.speaking, now);
    return tile;
  }

  [[nodiscard]] const Variant* variant_for(const Moment& moment) const {
    const int people = static_cast<int>(moment.people.size());
    for (const Variant& variant : layout_.variants)
      if ((!variant.share || *variant.share == !moment.shares.empty()) && people >= variant.least_people &&
          people <= variant.most_people)
        return &variant;
    return nullptr;
  }

  [[nodiscard]] std::optional<std::size_t> person(const Region& region, const Moment& moment) const {
    if (region.show == Show::speaker && !moment.recency.empty()) return moment.recency[0];
    if (region.show == Show::previous_speaker && moment.recency.size() > 1) return moment.recency[1];
    if (region.show == Show::participant)
      for (const std::size_t who : moment.people)
        if (call_.participants[who].name == region.participant ||
            call_.participants[who].id == region.participant)
          return who;
    return std::nullopt;
  }

  // Of too many, who spoke last; they keep their order.
  static std::vector<std::size_t> at_most(const Region& region, std::vector<std::size_t> people,
                                          const Moment& moment) {
    const auto most = static_cast<std::size_t>(region.most);
    if (people.size() <= most) return people;
    std::vector<std::size_t> chosen;
    for (const std::size_t who : moment.recency)
      if (chosen.size() < most && std::ranges::find(people, who) != people.end()) chosen.push_back(who);
    std::ranges::sort(chosen);
    return chosen;
  }

  std::vector<Tile> tiles_at(std::int64_t now) {
    const Moment now_is = moment(now);
    const Variant* variant = variant_for(now_is);
    std::vector<Tile> out;
    if (variant == nullptr) return out;
    std::vector<std::size_t> elsewhere;  // whom another region shows
    for (const Region& region : variant->regions)
      if (const auto who = person(region, now_is)) elsewhere.push_back(*who);
    for (const Region& region : variant->regions) {
      std::vector<Tile> tiles;
      if (region.show == Show::share) {
        if (!now_is.shares.empty())
          tiles.push_back(tile_of(now_is.shares[0].who, now_is.shares[0].picture, region, now));
      } else if (region.show == Show::others || region.show == Show::everyone) {
        std::vector<std::size_t> people = now_is.people;
        if (region.show == Show::others)
          std::erase_if(
              people, [&](std::size_t who) { return std::ranges::find(elsewhere, who) != elsewhere.end(); });
        for (const std::size_t who : at_most(region, std::move(people), now_is))
          tiles.push_back(tile_of(who, camera_of(who, now), region, now));
      } else if (const auto who = person(region, now_is)) {
        tiles.push_back(tile_of(*who, camera_of(*who, now), region, now));
      }
      arrange(region, tiles);
      out.insert(out.end(), tiles.begin(), tiles.end());
    }
    return out;
  }

  // Columns and rows in which pictures of 16:9 are largest.
  [[nodiscard]] static std::pair<int, int> grid_of(int count, int width, int height) {
    std::pair best{1, count};
    double best_width = 0;
    for (int columns = count; columns >= 1; --columns) {
      const int rows = (count + columns - 1) / columns;
      const double fits = std::min(static_cast<double>(width) / columns, 16.0 / 9 * height / rows);
      if (fits > best_width * 1.0001) best = {columns, rows}, best_width = fits;
    }
    return best;
  }

  void arrange(const Region& region, std::vector<Tile>& tiles) const {
    if (tiles.empty()) return;
    const int count = static_cast<int>(tiles.size());
    const double left = region.x * width_, top = region.y * height_;
    const double right = std::min((region.x + region.width) * width_, static_cast<double>(width_));
    const double bottom = std::min((region.y + region.height) * height_, static_cast<double>(height_));
    std::pair cells{1, 1};
    if (region.arrange == Arrange::row) cells = {count, 1};
    if (region.arrange == Arrange::column) cells = {1, count};
    if (region.arrange == Arrange::grid)
      cells = grid_of(count, static_cast<int>(right - left), static_cast<int>(bottom - top));
    auto [columns, rows] = cells;
    double cell_width = (right - left) / columns, cell_height = (bottom - top) / rows;
    double above = 0;
    if (region.arrange == Arrange::column) {  // no taller than the picture in them, in the middle
      cell_height = std::min((bottom - top) / count, cell_width * 9 / 16);
      above = (bottom - top - cell_height * count) / 2;
    }
    double before = 0;
    if (region.arrange == Arrange::row) {
      cell_width = std::min((right - left) / count, cell_height * 16 / 9);
      before = (right - left - cell_width * count) / 2;
    }
    // One tile over all of the canvas, or one that lies over others, needs no space around it.
    const bool alone = count == 1 && region.width > 0.999 && region.height > 0.999;
    const int inset = alone || region.over ? 0 : spacing_ / 2;
    for (int i = 0; i < count; ++i) {
      const int row = i / columns, column = i % columns;
      const int in_row = std::min(columns, count - row * columns);
      const double shift = before + (columns - in_row) * cell_width / 2;  // a last row that is not full
      Box box{even(left + shift + column * cell_width), even(top + above + row * cell_height),
              even(left + shift + (column + 1) * cell_width), even(top + above + (row + 1) * cell_height)};
      const int inset_x = box.right - box.left > 2 * inset + 8 ? inset : 0;
      const int inset_y = box.bottom - box.top > 2 * inset + 8 ? inset : 0;
      Tile& tile = tiles[static_cast<std::size_t>(i)];
      if (box.right - box.left < kSmallest || box.bottom - box.top < kSmallest)
        continue;  // too many for the region
      tile.x = box.left + inset_x;
      tile.y = box.top + inset_y;
      tile.width = std::max(2, box.right - box.left - 2 * inset_x);
      tile.height = std::max(2, box.bottom - box.top - 2 * inset_y);
    }
    std::erase_if(tiles, [](const Tile& tile) { return tile.width == 0; });
  }

  struct Event {
    std::int64_t time_ns = 0;
    std::string what;
  };

  /// All that happens in the call, in words, by time.
  void collect_events() {
    const auto add = [&](std::int64_t time, std::string what) { events_.push_back({time, std::move(what)}); };
    for (const Participant& one : call_.participants) {
      add(one.there.from_ns, one.name + " joins");
      add(one.there.to_ns, one.name + " leaves");
      for (const PictureFacts& picture : one.pictures)
        for (const Span& span : picture.shown) {
          add(span.from_ns, one.name + (picture.screen ? " shares a screen" : ": camera on"));
          add(span.to_ns, one.name + (picture.screen ? " ends sharing a screen" : ": camera off"));
        }
      for (const Span& span : one.muted) {
        if (span.from_ns != one.there.from_ns) add(span.from_ns, one.name + " is muted");
        if (span.to_ns != one.there.to_ns) add(span.to_ns, one.name + " is heard again");
      }
      for (const Span& span : one.speaking) {
        add(span.from_ns, one.name + " begins to speak");
        add(span.to_ns, one.name + " stops speaking");
      }
    }
    for (const Turn& turn : call_.turns)
      add(turn.from_ns, call_.participants[turn.who].name +
                            (turn.louder ? " is louder than who spoke before: " : " takes the floor: ") +
                            std::to_string(turn.level_dbov) +
                            (turn.by_header ? " dBov as its packets say (RFC 6464)" : " dBov as measured"));
    std::ranges::stable_sort(events_, {}, &Event::time_ns);
  }

  [[nodiscard]] std::vector<std::string> why(std::int64_t now) const {
    std::vector<std::string> out;
    for (const Event& event : std::ranges::equal_range(events_, now, {}, &Event::time_ns))
      out.push_back(event.what);
    return out;
  }

  const Call& call_;
  const Layout& layout_;
  int width_, height_, spacing_ = 0;
  std::vector<Event> events_;
  std::size_t next_turn_ = 0;
  std::vector<std::size_t> spoke_;  // the last one first
};

double ms(std::int64_t ns) {
  return static_cast<double>(ns / 1'000) / 1e3;
}

Json json_of(const Spans& spans) {
  Json out = Json::array();
  for (const Span& span : spans) out.push_back({{"from_ms", ms(span.from_ns)}, {"to_ms", ms(span.to_ns)}});
  return out;
}

Json json_of(const Participant& one) {
  Json pictures = Json::array();
  for (const PictureFacts& picture : one.pictures)
    pictures.push_back({{"track_id", picture.track},
                        {"kind", picture.screen ? "screen" : "camera"},
                        {"shown", json_of(picture.shown)}});
  return {{"id", one.id},
          {"name", one.name},
          {"joined_ms", ms(one.there.from_ns)},
          {"left_ms", ms(one.there.to_ns)},
          {"pictures", std::move(pictures)},
          {"sound", one.sound},
          {"muted", json_of(one.muted)},
          {"speaking", json_of(one.speaking)}};
}

Json json_of(const Tile& tile, const Call& call) {
  const Participant& one = call.participants[tile.participant];
  Json out{{"participant", one.id},    {"x", tile.x},           {"y", tile.y},
           {"width", tile.width},      {"height", tile.height}, {"muted", tile.muted},
           {"speaking", tile.speaking}};
  if (tile.picture < 0) {
    out["shows"] = "initials";
  } else {
    const PictureFacts& picture = one.pictures[static_cast<std::size_t>(tile.picture)];
    out["shows"] = picture.screen ? "screen" : "camera";
    out["track_id"] = picture.track;
  }
  return out;
}

}  // namespace

bool holds(const Spans& spans, std::int64_t time_ns) noexcept {
  const auto after = std::ranges::upper_bound(spans, time_ns, {}, &Span::from_ns);
  return after != spans.begin() && std::prev(after)->holds(time_ns);
}

Plan plan_scenes(const Call& call, const Layout& layout, int width, int height, std::int64_t from_ns) {
  return Director(call, layout, width, height).plan(from_ns);
}

std::string serialize_plan(const Plan& plan, const Call& call, const Layout& layout) {
  Json people = Json::array(), scenes = Json::array(), turns = Json::array();
  for (const Participant& one : call.participants) people.push_back(json_of(one));
  for (const Turn& turn : call.turns)
    turns.push_back({{"from_ms", ms(turn.from_ns)},
                     {"participant", call.participants[turn.who].id},
                     {"level_dbov", turn.level_dbov},
                     {"by", turn.by_header ? "rfc6464" : "energy"},
                     {"why", turn.louder ? "louder" : "spoke"}});
  for (const Scene& scene : plan.scenes) {
    Json tiles = Json::array();
    for (const Tile& tile : scene.tiles) tiles.push_back(json_of(tile, call));
    scenes.push_back({{"from_ms", ms(scene.span.from_ns)},
                      {"to_ms", ms(scene.span.to_ns)},
                      {"why", scene.why},
                      {"tiles", std::move(tiles)}});
  }
  return dump_json({{"layout", layout.name},
                    {"width", plan.width},
                    {"height", plan.height},
                    {"duration_ms", ms(call.duration_ns)},
                    {"participants", std::move(people)},
                    {"turns", std::move(turns)},
                    {"scenes", std::move(scenes)}});
}

}  // namespace rtpx::film
