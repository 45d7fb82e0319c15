// What nodes tell of themselves, and how they show each other who they are.
#include <gtest/gtest.h>

#include "fleet/bus.hpp"
#include "fleet/node_pass.hpp"

namespace rtpx::fleet {
namespace {

Member node() {
  return {.name = "a",
          .address = "https://a.example.org",
          .sessions = 2,
          .most_sessions = 100,
          .time_ms = 1'764'500'000'000,
          .under_way = {{.recording = "20261130-104238", .name = "room", .key = "room", .from_ms = 1'764'499'000'000},
                        {.recording = "Café", .ended = true}}};
}

TEST(FleetMember, TellsWhatItsNodeIsRecording) {
  const auto read = parse_member(serialize_member(node()));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->under_way, node().under_way);
  EXPECT_EQ(read->address, node().address);
}

TEST(FleetMember, HasRoomForTheFirstRecordingsAlone) {
  Member busy = node();
  for (int i = 0; i < 5'000; ++i)
    busy.under_way.push_back({.recording = "20261130-104238-" + std::to_string(i), .from_ms = 1'764'499'000'000});
  const std::string text = serialize_member(busy);
  EXPECT_LT(text.size(), kMaxRecordBytes);
  const auto read = parse_member(text);
  ASSERT_TRUE(read);
  EXPECT_GT(read->under_way.size(), 300U);
  EXPECT_TRUE(std::equal(read->under_way.begin(), read->under_way.end(), busy.under_way.begin()));
}

TEST(FleetMember, LeavesOutWhatIsNoRecording) {
  const auto read = parse_member(R"({"name": "a", "role": "node", "address": "", "under_way":
    [{"from_ms": 1}, 7, {"recording": ""}, {"recording": "x", "from_ms": -1, "name": 3, "ended": "yes"}]})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->under_way, std::vector<UnderWay>{{.recording = "x"}});
}

TEST(NodePass, OpensOneTargetForAWhile) {
  const std::string target = "/api/fleet/recordings/a/x/play/index.json?after=1", pass = node_pass("key", target, 10'000);
  EXPECT_TRUE(is_node_pass("key", target, pass, 9'999));
  EXPECT_FALSE(is_node_pass("key", target, pass, 10'000));
  EXPECT_FALSE(is_node_pass("key", target, pass, 9'999 - kLongestPassMs));
  EXPECT_FALSE(is_node_pass("other", target, pass, 9'000));
  EXPECT_FALSE(is_node_pass("", target, node_pass("", target, 10'000), 9'000));
  EXPECT_FALSE(is_node_pass("key", target + "0", pass, 9'000));
  for (const std::string& bad : {std::string(), std::string("."), "20000" + pass.substr(5), pass + "0", pass.substr(1)})
    EXPECT_FALSE(is_node_pass("key", target, bad, 9'000)) << bad;
}

}  // namespace
}  // namespace rtpx::fleet
