#include "rtpx/manifest.hpp"

#include <gtest/gtest.h>

#include "base/utc_time.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using namespace std::chrono;

const std::string kTrack =
    R"({"codec":null,"kind":"video","location":"7.rtpx","rid_map":{"nil":0},"start_time":"2026-11-22T12:37:43.745047Z","streams":["E"]})";

std::string with(const std::string& from, const std::string& to) {
  std::string text = R"({"7":)" + kTrack + "}";
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST(Manifest, WritesWhatItReads) {
  const std::string text = R"({"7":)" + kTrack + "}";
  const auto manifest = parse_manifest(text);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(serialize_manifest(*manifest), text);
  EXPECT_EQ(serialize_manifest({}), "{}");
  EXPECT_EQ(parse_manifest("{}")->size(), 0U);
}

TEST(Manifest, EveryKeyOfOursSurvives) {
  ManifestTrack track;
  track.start_time = *parse_utc("2026-11-22T12:37:43.745047Z");
  track.kind = MediaKind::audio;
  track.streams = {"S", "T"};
  track.rid_map = {{"h", 1}, {"q", 0}, {std::nullopt, 2}};
  track.codec = Codec{111, "audio/opus", 48000, 2, "111 minptime=10;useinbandfec=1", {"111 transport-cc"}};
  track.location = "a/7.rtpx";
  track.rtcp_location = "7.rtcpx";
  track.index_location = "index.rtpxi";
  track.more_locations = {"7.1.rtpx", "7.2.rtpx"};
  track.more_rtcp_locations = {"7~2.rtcpx"};
  track.codecs = {*track.codec, Codec{63, "audio/red", 48000, 2, "63 111/111", {}}};
  track.header_extensions = {{"urn:ietf:params:rtp-hdrext:sdes:mid", 4}};
  track.clock = ClockAnchor{-576460751007, *parse_utc("2026-11-22T12:37:43Z")};
  track.ended_at = *parse_utc("2026-11-22T13:00:00.5Z");
  track.end_reason = "recorder_stopped";
  track.packets = 1, track.bytes = 5'000'000'000, track.refused_packets = 3;
  track.participant = "p1";
  track.pauses = {{-576460750000, -576460749000}, {-576460748000, std::nullopt}};
  const std::string text = serialize_manifest({{"7", track}});
  const auto again = parse_manifest(text);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(serialize_manifest(*again), text);
  const ManifestTrack& read = again->at("7");
  EXPECT_EQ(read.rid_map, track.rid_map);
  EXPECT_EQ(read.codecs, track.codecs);
  EXPECT_EQ(read.clock, track.clock);
  EXPECT_EQ(read.bytes, track.bytes);
  EXPECT_EQ(read.participant, track.participant);
  EXPECT_EQ(read.pauses, track.pauses);
  EXPECT_EQ(read.more_locations, track.more_locations);
  EXPECT_EQ(rtcp_locations(read), (std::vector<std::string>{"7.rtcpx", "7~2.rtcpx"}));
  EXPECT_EQ(read.unknown_keys, "");
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Manifest, UnknownKeysSurviveAtAnyDepth) {
  std::string text = with(
      R"("codec":null)",
      R"("a":{"deep":[1,{"x":null}]},"clock":{"ntp":"0","receive_time_ms":1,"utc":"2026-11-22T12:00:00.000000Z"},)"
      R"("codec":{"channels":null,"clock_rate":90000,"mime_type":"video/VP8","payload_type":96,"profile":2,"rtcp_fbs":null,"sdp_fmtp_line":null})");
  text = text.substr(0, text.size() - 2) + R"(,"z":1.5}})";
  const auto manifest = parse_manifest(text);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(serialize_manifest(*manifest), text);
}

TEST(Manifest, OurValueWinsOverAnUnknownKeyThatCameBack) {
  auto manifest = parse_manifest(with(R"("kind")", R"("ended_at":null,"kind")"));
  ASSERT_TRUE(manifest) << manifest.error().message;
  manifest->at("7").ended_at = *parse_utc("2026-11-22T12:00:00Z");
  EXPECT_EQ(parse_manifest(serialize_manifest(*manifest))->at("7").ended_at, manifest->at("7").ended_at);
}

TEST(Manifest, ContradictionsNameTrackAndKey) {
  const struct {
    const char *from, *to, *named;
  } cases[] = {
      {R"("kind":"video")", R"("kind":"film")", "kind"},
      {R"("kind":"video")", R"("kind":7)", "kind"},
      {R"("streams":["E"])", R"("streams":"E")", "streams"},
      {R"("streams":["E"])", R"("streams":[null])", "streams"},
      {R"({"nil":0})", R"({"nil":256})", "nil"},
      {R"({"nil":0})", R"({"nil":-1})", "nil"},
      {R"({"nil":0})", R"([0])", "rid_map"},
      {R"("location":"7.rtpx",)", "", "location"},
      {R"("start_time":"2026-11-22T12:37:43.745047Z")", R"("start_time":"2026-13-22T12:37:43Z")",
       "start_time"},
      {R"("codec":null)", R"("codec":[])", "codec"},
      {R"("codec":null)", R"("codec":{"payload_type":128,"mime_type":"x","clock_rate":1})", "payload_type"},
      {R"("codec":null)", R"("codec":{"payload_type":1,"clock_rate":1})", "mime_type"},
      {R"("codec":null)", R"("codecs":{})", "codecs"},
      {R"("codec":null)", R"("clock":{"receive_time_ms":0.5,"utc":"2026-11-22T12:37:43Z"})", "clock"},
      {R"("codec":null)", R"("packets":-1)", "packets"},
      {R"("codec":null)", R"("header_extensions":{"u":256})", "u"},
  };
  for (const auto& c : cases) {
    const auto manifest = parse_manifest(with(c.from, c.to));
    ASSERT_FALSE(manifest) << c.to;
    EXPECT_EQ(manifest.error().code, Errc::malformed);
    EXPECT_NE(manifest.error().message.find('"' + std::string(c.named) + '"'), std::string::npos)
        << manifest.error().message;
    EXPECT_NE(manifest.error().message.find("track \"7\""), std::string::npos) << manifest.error().message;
  }
}

TEST(Manifest, AnythingElseIsMalformed) {
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{"), std::string("null"), std::string(R"({"7":1})"),
        std::string(100000, '['), std::string("{\"7\":\xFF}"), std::string(R"({"7":1e999999})")}) {
    const auto manifest = parse_manifest(text);
    ASSERT_FALSE(manifest) << text.substr(0, 20);
    EXPECT_EQ(manifest.error().code, Errc::malformed);
  }
}

TEST(Manifest, IdsThatAreNotUtf8DoNotThrow) {
  ManifestTrack track;
  track.location = "x";
  track.streams = {"\xC3\x28"};
  const std::string text = serialize_manifest({{"\xFF", track}, {"%FF", track}, {"ä", track}});
  const auto manifest = parse_manifest(text);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->size(), 3U);
  EXPECT_TRUE(manifest->contains("ä"));
  EXPECT_TRUE(manifest->contains("%FF"));
}

TEST(Manifest, IsReadFromAFolderOrAFile) {
  const test::TempDir dir;
  EXPECT_EQ(read_manifest(dir.path()).error().code, Errc::not_found);
  test::write_file(dir / "manifest.json", R"({"7":)" + kTrack + "}\n");
  EXPECT_EQ(read_manifest(dir.path())->size(), 1U);
  EXPECT_EQ(read_manifest(dir / "manifest.json")->size(), 1U);
  test::write_file(dir / "manifest.json", "{");
  const auto broken = read_manifest(dir.path());
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find((dir / "manifest.json").string()), std::string::npos);
}

TEST(UtcTime, IsWrittenWithSixDigits) {
  EXPECT_EQ(format_utc(UtcTime(microseconds(0))), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(format_utc(UtcTime(microseconds(-1))), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(format_utc(*parse_utc("2026-11-22T12:37:03.529443Z")), "2026-11-22T12:37:03.529443Z");
}

TEST(UtcTime, ReadsWhatIso8601Allows) {
  const auto truth = parse_utc("2026-11-22T12:37:03.500000Z");
  ASSERT_TRUE(truth);
  for (const char* text : {"2026-11-22T12:37:03.5Z", "2026-11-22 12:37:03.500000999Z",
                           "2026-11-22T14:37:03.5+02:00", "2026-11-22t07:07:03,5-0530"})
    EXPECT_EQ(parse_utc(text), truth) << text;
  for (const char* text :
       {"", "2026", "2026-11-22", "2026-02-30T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T12:37:03",
        "2026-11-22T12:37:03Zx", "2026-11-22T12:37:03.Z", "2026-11-22T12:37:03+2:00", "-026-11-22T12:37:03Z"})
    EXPECT_FALSE(parse_utc(text)) << text;
}

}  // namespace
}  // namespace rtpx
