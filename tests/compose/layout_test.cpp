#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "compose/plan.hpp"
#include "support/places.hpp"

using namespace rtpx;
using namespace rtpx::film;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

Span seconds(const std::string& text) {
  std::size_t after = 0;
  const double from = std::stod(text, &after);
  return {static_cast<std::int64_t>(from * kSecond),
          static_cast<std::int64_t>(std::stod(text.substr(after + 1)) * kSecond)};
}

Spans spans_of(const std::string& text) {
  Spans out;
  std::istringstream in(text);
  for (std::string one; std::getline(in, one, ',');) out.push_back(seconds(one));
  return out;
}

/// A call of the table, and what is to be seen.
struct ScriptedCall {
  std::string title, layout;
  int width = 1280, height = 720;
  Call call;
  std::vector<std::string> expected;
};

void add_person(Call& call, const std::string& name, std::istringstream& words) {
  Participant one;
  one.id = one.name = name;
  std::string word;
  words >> word;
  one.there = seconds(word);
  one.sound = true;
  std::vector<std::string> rest;
  while (words >> word) rest.push_back(word);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const bool has_spans =
        i + 1 < rest.size() && std::isdigit(static_cast<unsigned char>(rest[i + 1][0])) != 0;
    const Spans spans = has_spans ? spans_of(rest[i + 1]) : Spans{one.there};
    if (rest[i] == "cam") one.pictures.push_back({name + "-cam", false, spans});
    if (rest[i] == "screen") one.pictures.push_back({name + "-screen", true, spans});
    if (rest[i] == "nosound") one.sound = false;
    if (rest[i] == "muted") one.muted = spans;
    if (rest[i] == "speaking") one.speaking = spans;
  }
  call.duration_ns = std::max(call.duration_ns, one.there.to_ns);
  call.participants.push_back(std::move(one));
}

std::vector<ScriptedCall> scripted_calls() {
  std::ifstream file(test::source_dir() / "tests/compose/calls.txt");
  std::vector<ScriptedCall> out;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (first == "case") {
      out.emplace_back().title = line.substr(5);
      continue;
    }
    ScriptedCall& now = out.back();
    if (first == "layout") {
      std::string size;
      words >> now.layout >> size;
      if (!size.empty()) now.width = std::stoi(size), now.height = std::stoi(size.substr(size.find('x') + 1));
    } else if (first == "crowd") {
      int count = 0;
      words >> count;
      std::string rest;
      std::getline(words, rest);
      for (int i = 1; i <= count; ++i) {
        std::istringstream person(rest);
        add_person(now.call, std::string(i < 10 ? "P0" : "P") + std::to_string(i), person);
      }
    } else if (first == "turn") {
      double at = 0;
      std::string who;
      words >> at >> who;
      const auto found = std::ranges::find(now.call.participants, who, &Participant::name);
      now.call.turns.push_back({static_cast<std::int64_t>(at * kSecond),
                                static_cast<std::size_t>(found - now.call.participants.begin()), -20, false,
                                true});
    } else if (first == "=") {
      now.expected.push_back(line.substr(2));
    } else {
      add_person(now.call, first, words);
    }
  }
  return out;
}

std::string text_of(const Scene& scene, const Call& call) {
  std::ostringstream out;
  out << static_cast<double>(scene.span.from_ns) / kSecond << "-"
      << static_cast<double>(scene.span.to_ns) / kSecond << " ";
  if (scene.tiles.empty()) out << "-";
  for (std::size_t i = 0; i < scene.tiles.size(); ++i) {
    const Tile& tile = scene.tiles[i];
    if (i > 0) {
      const Tile& before = scene.tiles[i - 1];
      out << (tile.over                           ? " + "
              : tile.y == before.y                ? " "
              : tile.x >= before.x + before.width ? " | "
                                                  : " / ");
    }
    const Participant& one = call.participants[tile.participant];
    out << one.name;
    if (tile.picture < 0) out << "~";
    if (tile.picture >= 0 && one.pictures[static_cast<std::size_t>(tile.picture)].screen) out << "#";
    if (tile.muted) out << "!";
    if (tile.speaking) out << "'";
    const bool large = scene.tiles.size() > 1 && std::ranges::all_of(scene.tiles, [&](const Tile& other) {
                         return &other == &tile || tile.width * tile.height >= 2 * other.width * other.height;
                       });
    if (large) out << "*";
  }
  return out.str();
}

TEST(Layout, ScriptedCallsAreSeenAsWritten) {
  const std::vector<ScriptedCall> calls = scripted_calls();
  ASSERT_GE(calls.size(), 50U);
  for (const ScriptedCall& one : calls) {
    const auto layout = layout_by_name(one.layout);
    ASSERT_TRUE(layout) << one.title;
    const Plan plan = plan_scenes(one.call, *layout, one.width, one.height);
    std::vector<std::string> seen;
    for (const Scene& scene : plan.scenes) seen.push_back(text_of(scene, one.call));
    EXPECT_EQ(seen, one.expected) << one.title;
  }
}

/// A call that chance made.
Call random_call(std::mt19937& random) {
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Call call;
  call.duration_ns = (10 + below(50)) * kSecond;
  const auto span = [&](const Span& within) {
    const std::int64_t length = std::max<std::int64_t>(within.to_ns - within.from_ns, 2);
    const std::int64_t a = within.from_ns + static_cast<std::int64_t>(random()) % length;
    const std::int64_t b = within.from_ns + static_cast<std::int64_t>(random()) % length;
    return Span{std::min(a, b), std::max(a, b) + 1};
  };
  const int people = below(30);
  for (int i = 0; i < people; ++i) {
    Participant one;
    one.id = "id" + std::to_string(i);
    one.name = i % 7 == 0 ? one.id : "name" + std::to_string(i);
    one.there = span({0, call.duration_ns});
    one.sound = below(5) != 0;
    if (below(5) != 0) one.pictures.push_back({"c", false, {span(one.there)}});
    if (below(8) == 0) one.pictures.push_back({"s", true, {span(one.there)}});
    if (below(3) == 0) one.muted = {span(one.there)};
    if (below(2) == 0) one.speaking = {span(one.there)};
    call.participants.push_back(std::move(one));
  }
  std::ranges::stable_sort(call.participants, {}, [](const Participant& one) { return one.there.from_ns; });
  if (people > 0)
    for (int i = 0; i < below(20); ++i)
      call.turns.push_back({static_cast<std::int64_t>(random()) % call.duration_ns,
                            static_cast<std::size_t>(below(people)), -30, false, false});
  std::ranges::stable_sort(call.turns, {}, &Turn::from_ns);
  return call;
}

bool touch(const Tile& a, const Tile& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

void check_scene(const Scene& scene, const Plan& plan, const Call& call, const Layout& layout) {
  for (std::size_t i = 0; i < scene.tiles.size(); ++i) {
    const Tile& tile = scene.tiles[i];
    ASSERT_TRUE(tile.x >= 0 && tile.y >= 0 && tile.width >= 2 && tile.height >= 2);
    ASSERT_LE(tile.x + tile.width, plan.width);
    ASSERT_LE(tile.y + tile.height, plan.height);
    ASSERT_EQ(tile.x % 2 + tile.y % 2 + tile.width % 2 + tile.height % 2, 0);
    ASSERT_LT(tile.participant, call.participants.size());
    const Participant& one = call.participants[tile.participant];
    ASSERT_TRUE(one.there.holds(scene.span.from_ns)) << "somebody is shown who is not there";
    if (tile.picture >= 0) {
      ASSERT_LT(static_cast<std::size_t>(tile.picture), one.pictures.size());
      ASSERT_TRUE(holds(one.pictures[static_cast<std::size_t>(tile.picture)].shown, scene.span.from_ns));
    }
    for (std::size_t j = 0; j < i; ++j) {
      const Tile& other = scene.tiles[j];
      ASSERT_TRUE(tile.over || other.over || !touch(tile, other)) << layout.name;
      ASSERT_FALSE(other.participant == tile.participant && other.picture == tile.picture) << "twice";
    }
  }
}

/// Tiles of one row are as far from each other as the layout says, rows too: no gap that nobody asked for.
void check_grid(const Scene& scene, const Plan& plan, int spacing) {
  for (std::size_t i = 1; i < scene.tiles.size(); ++i) {
    const Tile& before = scene.tiles[i - 1];
    const Tile& tile = scene.tiles[i];
    const bool same_row = tile.y == before.y;
    ASSERT_EQ(same_row ? tile.x - before.x - before.width : tile.y - before.y - before.height, spacing);
  }
  if (scene.tiles.empty()) return;
  const int edge = scene.tiles.size() == 1 ? 0 : spacing / 2;
  ASSERT_EQ(scene.tiles.front().x, edge);
  ASSERT_EQ(scene.tiles.front().y, edge);
  ASSERT_EQ(scene.tiles.back().y + scene.tiles.back().height, plan.height - edge);
  int right = 0;
  for (const Tile& tile : scene.tiles) right = std::max(right, tile.x + tile.width);
  ASSERT_EQ(right, plan.width - edge);
}

TEST(Layout, NothingOverlapsOrLeavesTheFrameWhateverHappens) {
  std::mt19937 random(19);
  for (int round = 0; round < 300; ++round) {
    const Call call = random_call(random);
    const int width = 160 + static_cast<int>(random() % 900) * 2,
              height = 90 + static_cast<int>(random() % 500) * 2;
    for (const std::string& name : layout_names()) {
      const Layout layout = *layout_by_name(name);
      const Plan plan = plan_scenes(call, layout, width, height);
      std::int64_t at = 0;
      for (const Scene& scene : plan.scenes) {
        ASSERT_EQ(scene.span.from_ns, at) << "a gap in time";
        ASSERT_GT(scene.span.to_ns, at);
        at = scene.span.to_ns;
        check_scene(scene, plan, call, layout);
        if (HasFatalFailure()) return;
        const bool shares = std::ranges::any_of(call.participants, [&](const Participant& one) {
          return std::ranges::any_of(one.pictures, [&](const PictureFacts& picture) {
            return picture.screen && holds(picture.shown, scene.span.from_ns);
          });
        });
        const auto there = static_cast<std::size_t>(std::ranges::count_if(
            call.participants, [&](const Participant& one) { return one.there.holds(scene.span.from_ns); }));
        if (name != "grid" || shares) continue;
        ASSERT_EQ(scene.tiles.size(), std::min<std::size_t>(there, 25)) << "somebody is not shown";
        const int spacing = static_cast<int>(std::lround(layout.spacing * height / 4)) * 4;
        check_grid(scene, plan, spacing);
        if (HasFatalFailure()) return;
      }
      ASSERT_EQ(at, call.duration_ns);
    }
  }
}

TEST(Layout, ThePlanSaysWhy) {
  Call call;
  call.duration_ns = 10 * kSecond;
  call.participants.push_back({"a", "Ann", {0, 10 * kSecond}, {}, true, {}, {}});
  call.participants.push_back({"b", "Bob", {2 * kSecond, 10 * kSecond}, {}, true, {}, {}});
  call.turns.push_back({4 * kSecond, 1, -23, false, true});
  const Layout layout = *layout_by_name("speaker");
  const Plan plan = plan_scenes(call, layout, 1280, 720);
  ASSERT_EQ(plan.scenes.size(), 3U);
  EXPECT_EQ(plan.scenes[1].why, (std::vector<std::string>{"Bob joins"}));
  EXPECT_EQ(plan.scenes[2].why,
            (std::vector<std::string>{"Bob takes the floor: -23 dBov as its packets say (RFC 6464)"}));
  const auto json = nlohmann::json::parse(serialize_plan(plan, call, layout));
  EXPECT_EQ(json["scenes"][2]["tiles"][0]["participant"], "b");
  EXPECT_EQ(json["scenes"][2]["from_ms"], 4000.0);
  EXPECT_EQ(json["turns"][0]["by"], "rfc6464");
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(LayoutFile, TheExamplesOfTheDocumentationAreLayouts) {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::source_dir() / "docs/layouts")) {
    const auto layout = parse_layout(read_text(entry.path()), entry.path().filename().string());
    ASSERT_TRUE(layout) << layout.error().message;
    EXPECT_FALSE(layout->variants.empty());
    std::mt19937 random(7);
    for (int round = 0; round < 50; ++round) {
      const Call call = random_call(random);
      const Plan plan = plan_scenes(call, *layout, 1280, 720);
      for (const Scene& scene : plan.scenes) {
        for (std::size_t i = 0; i < scene.tiles.size(); ++i)
          for (std::size_t j = 0; j < i; ++j)
            ASSERT_TRUE(scene.tiles[i].over || scene.tiles[j].over || !touch(scene.tiles[i], scene.tiles[j]))
                << entry.path();
      }
    }
    ++found;
  }
  EXPECT_EQ(found, 3);
}

TEST(LayoutFile, WhatIsWrongIsNamed) {
  const auto message = [](const std::string& text) {
    const auto layout = parse_layout(text, "l.json");
    return layout ? std::string("it is taken") : layout.error().message;
  };
  EXPECT_NE(message("{").find("l.json"), std::string::npos);
  EXPECT_NE(message(R"({"variants":[]})").find("no variants"), std::string::npos);
  EXPECT_NE(message(R"({"variants":[{"regions":[{"show":"speeker"}]}]})").find("variant 1, region 1"),
            std::string::npos);
  EXPECT_NE(message(R"({"variants":[{"regions":[{"x":0.5}]}]})").find("reaches out"), std::string::npos);
  EXPECT_NE(message(R"({"variants":[{"regions":[{"show":"share"},{"show":"others","x":0.8,"width":0.2}]}]})")
                .find("overlaps"),
            std::string::npos);
  EXPECT_EQ(
      message(
          R"({"variants":[{"regions":[{"show":"share"},{"show":"others","x":0.8,"width":0.2,"over":true}]}]})"),
      "it is taken");
  EXPECT_NE(message(R"({"variant":[]})").find("unknown key \"variant\""), std::string::npos);
  EXPECT_NE(message(R"({"variants":[{"regions":[{"show":"participant"}]}]})").find("does not name one"),
            std::string::npos);
  EXPECT_NE(message(R"({"background":"red","variants":[{"regions":[{}]}]})").find("#rrggbb"),
            std::string::npos);
  EXPECT_NE(message(R"({"spacing":1e400,"variants":[{"regions":[{}]}]})"), "it is taken");
  EXPECT_NE(message(R"([1])").find("is no object"), std::string::npos);
}

}  // namespace
