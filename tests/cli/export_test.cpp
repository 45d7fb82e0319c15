// rtpx export, and back again by rtpx import.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "rtp/packet.hpp"
#include "rtpx/manifest.hpp"
#include "storage/record_reader.hpp"
#include "support/captures.hpp"
#include "support/places.hpp"
#include "support/run_command.hpp"

namespace rtpx::test {
namespace {

using testing::HasSubstr;

struct Kept {
  std::uint8_t rid_index;
  std::string bytes;
  bool operator==(const Kept&) const = default;
};

std::vector<Kept> records(const std::filesystem::path& folder, const std::string& location, bool rtcp) {
  std::vector<Kept> out;
  auto reader = RecordReader::open({*resolve_location(location, folder)},
                                   rtcp ? RecordReader::Content::rtcp : RecordReader::Content::rtp);
  for (auto next = (*reader)->next(); next && *next; next = (*reader)->next())
    out.push_back({(*next)->header.rid_index, std::string(as_text((*next)->packet))});
  return out;
}

/// RTCP belongs to no layer.
std::vector<std::string> packets(const std::filesystem::path& folder, const std::string& location) {
  std::vector<std::string> out;
  for (auto& record : records(folder, location, true)) out.push_back(std::move(record.bytes));
  return out;
}

class BrowserCalls : public testing::TestWithParam<const char*> {};

TEST_P(BrowserCalls, AreTheSameAfterExportToPcapAndImportWithTheirOffer) {
  RTPX_NEEDS_CAPTURE(call, std::filesystem::path("browser") / GetParam());
  TempDir folder;
  const auto exported = rtpx({"export", call, "-o", folder / "call.pcap"});
  ASSERT_EQ(exported.status, 0) << exported.err;
  const auto imported =
      rtpx({"import", folder / "call.pcap", "-o", folder / "call", "--sdp", call / "offer.sdp"});
  ASSERT_EQ(imported.status, 0) << imported.err;
  const auto before = read_manifest(call), after = read_manifest(folder / "call");
  ASSERT_TRUE(before && after);
  for (const auto& [id, track] : *before) {
    ASSERT_TRUE(after->contains(id)) << id;
    const auto& now = after->at(id);
    EXPECT_EQ(now.rid_map, track.rid_map) << id;
    EXPECT_EQ(now.streams, track.streams) << id;
    EXPECT_EQ(now.kind, track.kind) << id;
    ASSERT_TRUE(now.codec && track.codec);
    EXPECT_EQ(now.codec->mime_type, track.codec->mime_type) << id;
    EXPECT_TRUE(records(folder / "call", now.location, false) == records(call, track.location, false)) << id;
    EXPECT_TRUE(packets(folder / "call", *now.rtcp_location) == packets(call, *track.rtcp_location)) << id;
  }
  EXPECT_EQ(after->size(), before->size());
}

INSTANTIATE_TEST_SUITE_P(ExportCommand, BrowserCalls,
                         testing::Values("vp8_opus", "vp8_simulcast3", "vp8_flexfec_lossy", "vp8_opusred",
                                         "firefox_vp8_opus", "h264_pcmu"));

TEST(ExportCommand, AnotherProgramFindsTheSamePacketsInThePcap) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_opus");
  if (!installed("tshark") && !installed("tcpdump")) GTEST_SKIP() << "install tcpdump to run";
  TempDir folder;
  ASSERT_EQ(rtpx({"export", call, "-o", folder / "call.pcap"}).status, 0);
  const auto dump = run_program({"tcpdump", "-n", "-r", folder / "call.pcap"});
  EXPECT_EQ(std::ranges::count(dump.out, '\n'), 3251);
}

TEST(ExportCommand, RtpdumpKeepsEveryPacketAndItsTime) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_opus");
  TempDir folder;
  ASSERT_EQ(rtpx({"export", call, "-o", folder / "call.rtpdump"}).status, 0);
  const auto run = rtpx({"import", folder / "call.rtpdump", "-o", folder / "call", "--json"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(nlohmann::json::parse(run.out)["records"], 3251);
}

TEST(ExportCommand, AnMjrFileTakesOneTrackAndOneLayer) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_simulcast3");
  TempDir folder;
  const auto all = rtpx({"export", call, "-o", folder / "x.mjr"});
  EXPECT_EQ(all.status, 2);
  EXPECT_THAT(all.err, HasSubstr("audio_0, video_1"));
  const auto layers = rtpx({"export", call, "-o", folder / "x.mjr", "--track", "video_1"});
  EXPECT_EQ(layers.status, 2);
  EXPECT_THAT(layers.err, HasSubstr("--rid"));
  EXPECT_EQ(rtpx({"export", call, "-o", folder / "x.mjr", "--track", "video_1", "--rid", "f"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(folder / "x.mjr"));
}

TEST(ExportCommand, JanusOwnConverterReadsTheMjrFile) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_opus");
  if (!installed("janus-pp-rec")) GTEST_SKIP() << "install janus-tools to run";
  TempDir folder;
  ASSERT_EQ(rtpx({"export", call, "-o", folder / "video.mjr", "--track", "video_1"}).status, 0);
  ASSERT_EQ(run_program({"janus-pp-rec", folder / "video.mjr", folder / "video.webm"}).status, 0);
  const auto probe = run_program({"ffprobe", "-v", "error", "-count_packets", "-show_entries",
                                  "stream=nb_read_packets", "-of", "csv=p=0", folder / "video.webm"});
  EXPECT_EQ(probe.out, "554\n") << "frames that the call holds, as chrome_stats.json says";
}

// What upstream's reader needs: media packets of one payload type, a codec in the manifest, nothing else.
TEST(ExportCommand, AHealedRecordingHoldsMediaOnly) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_opus_lossy_audionack");
  TempDir folder;
  const auto run = rtpx({"export", call, "-o", folder / "healed", "--format", "rtpx"});
  ASSERT_EQ(run.status, 0) << run.err;
  const auto manifest = read_manifest(folder / "healed");
  ASSERT_TRUE(manifest);
  for (const auto& [id, track] : *manifest) {
    ASSERT_TRUE(track.codec) << id;
    std::set<int> types;
    for (const auto& record : records(folder / "healed", track.location, false))
      types.insert(static_cast<unsigned char>(record.bytes[1]) & 0x7F);
    EXPECT_THAT(types, testing::ElementsAre(track.codec->payload_type)) << id;
  }
  const auto report = nlohmann::json::parse(rtpx({"inspect", folder / "healed", "--json"}).out);
  for (const auto& track : report["tracks"])
    EXPECT_EQ(track["lost"]["before_repair"], 0) << track["track_id"];
}

// First and last receive time of each layer's media, in milliseconds since the track's first record.
std::map<std::uint8_t, std::pair<std::int64_t, std::int64_t>> spans(const std::filesystem::path& folder, const std::string& location) {
  std::map<std::uint8_t, std::pair<std::int64_t, std::int64_t>> out;
  auto reader = RecordReader::open({*resolve_location(location, folder)}, RecordReader::Content::rtp);
  std::optional<std::int64_t> first;
  for (auto next = (*reader)->next(); next && *next; next = (*reader)->next()) {
    const auto packet = parse_rtp((*next)->packet);
    if (!packet || packet->payload_type != 96) continue;  // the capture's VP8
    const std::int64_t at = (*next)->header.receive_time_ms - first.value_or((*next)->header.receive_time_ms);
    if (!first) first = (*next)->header.receive_time_ms;
    auto& [begin, end] = out.try_emplace((*next)->header.rid_index, at, at).first->second;
    EXPECT_GE(at, end);
    end = at;
  }
  return out;
}

// What was not recorded in a pause is not lost, there as here.
TEST(ExportCommand, AHealedRecordingKeepsPausesAndPeople) {
  TempDir folder;
  std::filesystem::copy(source_dir() / "tests/data/vp8_opus", folder / "call");
  auto manifest = read_manifest(folder / "call").value();
  for (auto& [id, track] : manifest) {
    track.participant = "p";
    track.pauses = {{1'000, 2'000}};
  }
  write_file(folder / "call/manifest.json", serialize_manifest(manifest));
  write_file(folder / "call/recording.json",
             R"({"format": {"major": 1, "minor": 0}, "name": "Call", "created": "2026-11-22T12:00:00Z", "pauses": [{"from_ms": 1000, "to_ms": 2000}],
                 "participants": [{"id": "p", "name": "Anna", "joined": "2026-11-22T12:00:00Z"}], "marks": [{"at_ms": 3000, "text": "here"}]})");
  const auto made = rtpx({"export", folder / "call", "-o", folder / "healed", "--format", "rtpx"});
  ASSERT_EQ(made.status, 0) << made.err;
  const auto healed = read_manifest(folder / "healed");
  ASSERT_TRUE(healed);
  for (const auto& [id, track] : *healed) {
    EXPECT_EQ(track.participant, "p");
    EXPECT_EQ(track.pauses, manifest.at(id).pauses);
  }
  const auto info = nlohmann::json::parse(read_file(folder / "healed/recording.json"));
  EXPECT_EQ(info["name"], "Call");
  EXPECT_EQ(info["pauses"].size(), 1U);
  EXPECT_EQ(info["participants"][0]["name"], "Anna");
  EXPECT_EQ(info["marks"][0]["text"], "here");
}

TEST(ExportCommand, LayersOfAHealedSimulcastStayBesideEachOther) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_simulcast3");
  TempDir folder;
  const auto made = rtpx({"export", call, "-o", folder / "call", "--format", "rtpx"});
  ASSERT_EQ(made.status, 0) << made.err;
  const auto before = read_manifest(call), after = read_manifest(folder / "call");
  ASSERT_TRUE(before && after);
  int layers = 0;
  for (const auto& [id, track] : *before) {
    if (track.kind != MediaKind::video) continue;
    const auto was = spans(call, track.location), is = spans(folder / "call", after->at(id).location);
    ASSERT_EQ(is.size(), was.size());
    for (const auto& [rid, span] : was) {
      EXPECT_NEAR(static_cast<double>(is.at(rid).first), static_cast<double>(span.first), 100);
      EXPECT_NEAR(static_cast<double>(is.at(rid).second), static_cast<double>(span.second), 100);
      ++layers;
    }
  }
  EXPECT_EQ(layers, 3);
}

TEST(ExportCommand, SaysWhatIsWrong) {
  TempDir folder;
  write_file(folder / "manifest.json", "{}");
  EXPECT_EQ(rtpx({"export", folder.path(), "-o", folder / "x.avi"}).status, 2);
  EXPECT_EQ(rtpx({"export", folder.path(), "-o", folder / "x.pcap"}).status, 3);
  EXPECT_EQ(rtpx({"export", folder / "missing", "-o", folder / "x.pcap"}).status, 3);
  EXPECT_FALSE(std::filesystem::exists(folder / "x.pcap"));
}

}  // namespace
}  // namespace rtpx::test
