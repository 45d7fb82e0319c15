// Which recordings are parts of one, by their key and times.
#include "fleet/parts.hpp"

#include <gtest/gtest.h>

namespace rtpx::fleet {
namespace {

Job part(const std::string& node, const std::string& recording, int from_s, int until_s, const std::string& key = "room") {
  return {.node = node, .recording = recording, .key = key, .from_ms = from_s * 1'000, .until_ms = until_s * 1'000};
}

using Names = std::vector<RecordingName>;

TEST(FleetParts, AreThoseOfOneKeyAtOneTime) {
  const std::vector<Job> all = {part("a", "1", 1'000, 2'000),        part("b", "1", 1'100, 1'500), part("b", "2", 2'050, 2'100),
                                part("c", "1", 1'900, 2'050),        part("a", "2", 9'000, 9'900), part("c", "2", 9'500, 9'600),
                                part("d", "1", 1'000, 9'900, "hall")};
  EXPECT_EQ(parts_beside(all[0], all), (Names{{"b", "1"}, {"c", "1"}, {"b", "2"}}));
  EXPECT_EQ(parts_beside(all[2], all), (Names{{"a", "1"}, {"b", "1"}, {"c", "1"}})) << "also over a third one";
  EXPECT_EQ(parts_beside(all[4], all), (Names{{"c", "2"}})) << "the key was used again";
  EXPECT_EQ(parts_beside(all[5], all), (Names{{"a", "2"}}));
  EXPECT_TRUE(parts_beside(all[6], all).empty());
  EXPECT_TRUE(parts_beside(part("a", "3", 1'000, 2'000, ""), all).empty());
}

TEST(FleetParts, FollowEachOtherWithinAMinute) {
  const Job first = part("a", "1", 100, 200);
  EXPECT_EQ(parts_beside(first, {part("b", "1", 260, 300)}).size(), 1U);
  EXPECT_EQ(parts_beside(first, {part("b", "1", 261, 300)}).size(), 0U);
  EXPECT_EQ(parts_beside(part("b", "1", 260, 300), {first}).size(), 1U);
}

TEST(FleetParts, ReadTheSameAgainAndNameNothingElse) {
  Job film{.kind = JobKind::compose, .node = "a", .recording = "1"};
  film.parts = {{"b", "1"}, {"c", "Café \"x\""}};
  EXPECT_EQ(parse_job(serialize_job(film)), film);
  EXPECT_TRUE(is_slice_of(slice_of(film, 2), film));
  const Job conversion = part("a", "1", 100, 200, "Café");
  EXPECT_EQ(parse_job(serialize_job(conversion)), conversion);
  const auto with = [](Names parts) {
    Job other{.kind = JobKind::compose, .node = "a", .recording = "1"};
    other.parts = std::move(parts);
    return parse_job(serialize_job(other)).has_value();
  };
  EXPECT_TRUE(with({}));
  for (const RecordingName& wrong : Names{{"a", "1"}, {"b", "../1"}, {"b", ".x"}, {"b", ""}, {"b.c", "1"}, {"", "1"}})
    EXPECT_FALSE(with({wrong})) << wrong.node << "/" << wrong.recording;
  EXPECT_FALSE(with({{"b", "1"}, {"b", "1"}}));
  Names many;
  for (std::size_t i = 0; i < kMostFilmParts; ++i) many.push_back({std::string(64, 'n'), std::to_string(i) + std::string(250, '"')});
  EXPECT_TRUE(with(many)) << "the largest message is read";
  many.push_back({"b", "1"});
  EXPECT_FALSE(with(many));
  for (const char* parts : {"7", "{}", "[7]", "[{}]", R"([{"node":1,"recording":"1"}])"}) {
    std::string text = serialize_job(film);
    const auto from = text.find("\"parts\":") + 8;
    text.replace(from, text.find(']', from) + 1 - from, parts);
    EXPECT_FALSE(parse_job(text)) << text;
  }
  std::string text = serialize_job(conversion);
  text.replace(text.find("\"until_ms\":200000"), 17, "\"until_ms\":99999");
  EXPECT_FALSE(parse_job(text)) << "it ends before it begins";
}

}  // namespace
}  // namespace rtpx::fleet
