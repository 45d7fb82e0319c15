// What the real ex_webrtc_recorder wrote for the same packets.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "recorder/started.hpp"

namespace rtpx {
namespace {

using test::read_file;
using test::records;
using test::Started;
using test::StoredRecord;
using test::video;

struct InputPacket {
  std::uint8_t track = 0, rid = 0;
  std::uint32_t arrival_ms = 0;
  std::string packet;
};

// u8 track | u8 rid (0xFF: none) | u32 arrival in ms | u16 length | packet
std::vector<InputPacket> read_input(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  ByteReader in(as_bytes(text));
  std::vector<InputPacket> out;
  while (!in.empty()) {
    InputPacket one;
    one.track = in.u8();
    one.rid = in.u8();
    one.arrival_ms = in.u32();
    one.packet = as_text(in.take(in.u16()));
    out.push_back(std::move(one));
  }
  EXPECT_TRUE(in.ok());
  return out;
}

std::vector<std::string> masked(const std::filesystem::path& file) {
  std::vector<std::string> out;
  for (const StoredRecord& record : records(read_file(file)))
    out.push_back(std::string(1, static_cast<char>(record.header.rid_index)) + record.packet);
  return out;
}

Manifest record_input(Started& s, const std::vector<InputPacket>& input) {
  static const std::vector<std::string> kRids{"q", "h", "f"};
  std::vector<MediaStreamTrack> tracks{video("0"), video("1"), video("2", kRids)};
  EXPECT_TRUE(s.recorder->add_tracks(tracks));
  for (const InputPacket& p : input) {
    const auto rid = p.rid == 0xFF ? std::nullopt : std::optional<std::string_view>(kRids.at(p.rid));
    PacketInfo info;
    info.arrival = ReceiveClock::time_point(std::chrono::milliseconds(p.arrival_ms));
    EXPECT_EQ(s.recorder->record(std::to_string(p.track), rid, as_bytes(p.packet), info), Outcome::accepted);
  }
  const std::vector<std::string> ids{"0", "1", "2"};
  return s.recorder->end_tracks(ids).value().manifest;
}

TEST(Golden, TheSameBytesAsUpstreamButForTheReceiveTime) {
  RTPX_NEEDS_CAPTURE(golden, "golden");
  Started s;
  const Manifest ours = record_input(s, read_input(golden / "small_input.rtpin"));
  for (const char* flavour : {"small_head", "small_030", "small_021"}) {
    const auto folder = std::filesystem::directory_iterator(golden / flavour)->path();
    const auto theirs = read_manifest(folder);
    ASSERT_TRUE(theirs) << flavour;
    std::vector<std::vector<std::string>> files, expected;
    for (const auto& [id, track] : *theirs) expected.push_back(masked(folder / (id + ".rtpx")));
    for (const auto& [id, track] : ours) files.push_back(masked(track.location));
    std::ranges::sort(files);
    std::ranges::sort(expected);
    EXPECT_EQ(files, expected) << flavour;
  }
}

TEST(Golden, OddPacketsAreKeptWhereUpstreamRewritesOrRefusesThem) {
  RTPX_NEEDS_CAPTURE(golden, "golden");
  const auto input = read_input(golden / "edge_input.rtpin");
  Started s;
  s.add(video("7"));
  for (const InputPacket& p : input)
    ASSERT_EQ(s.recorder->record("7", std::nullopt, as_bytes(p.packet)), Outcome::accepted);
  const auto ours = masked(s.end("7").manifest.at("7").location);
  ASSERT_EQ(ours.size(), 23U);
  for (std::size_t i = 0; i < input.size(); ++i) EXPECT_EQ(ours[i].substr(1), input[i].packet) << i;

  // Upstream kept 19; those that it did not rewrite are the same.
  const auto folder = std::filesystem::directory_iterator(golden / "edge_head")->path();
  const auto theirs = masked(folder / "7.rtpx");
  ASSERT_EQ(theirs.size(), 19U);
  const auto same =
      std::ranges::count_if(theirs, [&](const auto& p) { return std::ranges::find(ours, p) != ours.end(); });
  EXPECT_GE(same, 10);
}

TEST(Golden, AManifestHasUpstreamsKeysInUpstreamsForm) {
  RTPX_NEEDS_CAPTURE(golden, "golden");
  const auto folder = std::filesystem::directory_iterator(golden / "small_head")->path();
  const std::string theirs = read_file(folder / "manifest.json");
  Started s;
  s.add(video("camera"));
  const std::string ours = read_file(s.recorder->folder() / "manifest.json");
  for (const char* part :
       {"\"kind\":\"video\"", "\"rid_map\":{\"nil\":0}", "\"mime_type\":\"video/VP8\"",
        "\"sdp_fmtp_line\":null", "\"channels\":null", "\"location\":\"/", "\"streams\":[\""}) {
    EXPECT_NE(theirs.find(part), std::string::npos) << part;
    EXPECT_NE(ours.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(ours.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace rtpx
