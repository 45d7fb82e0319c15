#include "recover/manifest_salvage.hpp"

#include <gtest/gtest.h>

namespace rtpx {
namespace {

const std::string kTrack =
    R"({"codec":null,"kind":"video","location":"7.rtpx","rid_map":{"nil":0},"start_time":"2026-11-22T12:37:43.745047Z","streams":["E"]})";

TEST(Salvage, TracksOutsideTheDamageAreRead) {
  const std::string text = R"({"1":)" + kTrack + R"(,"2":)" + kTrack + R"(, "3" : )" + kTrack + "}";
  EXPECT_EQ(salvage_manifest(text).size(), 3U);
  EXPECT_EQ(salvage_manifest(text.substr(0, text.size() - 2)).size(), 2U);
  EXPECT_EQ(salvage_manifest(text.substr(20)).size(), 2U);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string broken = text;
    broken[at] = '\x01';
    const Manifest found = salvage_manifest(broken);
    EXPECT_GE(found.size(), 1U) << at;
    for (const auto& [id, track] : found) EXPECT_EQ(track.streams.size(), 1U);
  }
}

TEST(Salvage, HostileTextTakesBoundedTime) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += R"("a":{)";
  EXPECT_EQ(salvage_manifest(text).size(), 0U);
  EXPECT_EQ(salvage_manifest(std::string(1 << 20, '"')).size(), 0U);
  EXPECT_EQ(salvage_manifest("").size(), 0U);
}

}  // namespace
}  // namespace rtpx
