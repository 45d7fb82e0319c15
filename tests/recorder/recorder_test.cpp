#include "rtpx/recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "recorder/started.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::records;
using test::rtp;
using test::Started;
using test::TempDir;
using test::text;
using test::video;

TEST(Recorder, WritesEveryPacketAsItWasGiven) {
  Started s;
  s.add(video("camera"));
  std::vector<std::string> sent;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const auto packet = rtp(i, 20 + i % 1500);
    ASSERT_EQ(s.recorder->record("camera", std::nullopt, packet), Outcome::accepted);
    sent.push_back(text(packet));
  }
  const EndedTracks ended = s.end("camera");
  const auto stored = records(test::read_file(ended.manifest.at("camera").location));
  ASSERT_EQ(stored.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) ASSERT_EQ(stored[i].packet, sent[i]) << i;
  EXPECT_EQ(ended.manifest.at("camera").packets, sent.size());
  EXPECT_EQ(ended.manifest.at("camera").end_reason, "ended");
}

TEST(Recorder, TheManifestOnDiskIsWhatTheCallsAnswered) {
  Started s;
  const auto track = video("camera", {"q", "h", "f"});
  const auto added = s.recorder->add_tracks({&track, 1});
  ASSERT_TRUE(added);
  auto on_disk = read_manifest(s.recorder->folder());
  ASSERT_TRUE(on_disk);
  EXPECT_EQ(serialize_manifest(*on_disk), serialize_manifest(*added));
  EXPECT_EQ(on_disk->at("camera").rid_map.size(), 3U);
  const auto ended = s.end("camera");
  on_disk = read_manifest(s.recorder->folder());
  ASSERT_TRUE(on_disk);
  EXPECT_EQ(serialize_manifest(*on_disk), serialize_manifest(ended.manifest));
}

TEST(Recorder, ARidIsStoredByItsPosition) {
  Started s;
  s.add(video("camera", {"q", "h"}));
  EXPECT_EQ(s.recorder->record("camera", "h", rtp(1)), Outcome::accepted);
  EXPECT_EQ(s.recorder->record("camera", "q", rtp(2)), Outcome::accepted);
  const auto stored = records(test::read_file(s.end("camera").manifest.at("camera").location));
  ASSERT_EQ(stored.size(), 2U);
  EXPECT_EQ(stored[0].header.rid_index, 1);
  EXPECT_EQ(stored[1].header.rid_index, 0);
}

TEST(Recorder, RtcpGoesIntoAFileOfItsOwn) {
  Started s;
  s.add(video("camera"));
  const auto report = rtp(7, 28);
  EXPECT_EQ(s.recorder->record_rtcp("camera", report), Outcome::accepted);
  const auto ended = s.end("camera");
  ASSERT_TRUE(ended.manifest.at("camera").rtcp_location);
  const auto stored = records(test::read_file(*ended.manifest.at("camera").rtcp_location));
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored[0].packet, text(report));
}

TEST(Recorder, AnUnknownTrackOrRidIsCountedAndNotFatal) {
  Started s;
  s.add(video("camera", {"q"}));
  EXPECT_EQ(s.recorder->record("nobody", std::nullopt, rtp(1)), Outcome::unknown_track);
  EXPECT_EQ(s.recorder->record("camera", "z", rtp(1)), Outcome::unknown_rid);
  EXPECT_EQ(s.recorder->record("camera", std::nullopt, rtp(1)), Outcome::unknown_rid);
  EXPECT_EQ(s.recorder->record("camera", "q", rtp(1)), Outcome::accepted);
  const auto stats = s.recorder->stats();
  EXPECT_EQ(stats.unknown_track, 1U);
  EXPECT_EQ(stats.unknown_rid, 2U);
  EXPECT_EQ(stats.packets, 1U);
}

TEST(Recorder, AddingATrackTwiceIsRefusedAndDestroysNothing) {
  Started s;
  s.add(video("camera"));
  ASSERT_EQ(s.recorder->record("camera", std::nullopt, rtp(1)), Outcome::accepted);
  const auto again = video("camera");
  EXPECT_EQ(s.recorder->add_tracks({&again, 1}).error().code, Errc::already_exists);
  const auto ended = s.end("camera");
  EXPECT_EQ(records(test::read_file(ended.manifest.at("camera").location)).size(), 1U);
  EXPECT_EQ(s.recorder->add_tracks({&again, 1}).error().code, Errc::already_exists)
      << "also when it has ended";
  EXPECT_EQ(records(test::read_file(ended.manifest.at("camera").location)).size(), 1U);
}

TEST(Recorder, AddTracksIsAllOrNothing) {
  Started s;
  s.add(video("b"));
  const std::vector tracks{video("a"), video("b")};
  EXPECT_EQ(s.recorder->add_tracks(tracks).error().code, Errc::already_exists);
  EXPECT_FALSE(s.recorder->track("a"));
  EXPECT_EQ(read_manifest(s.recorder->folder())->size(), 1U);
}

TEST(Recorder, ATrackIdThatIsAPathStaysInTheFolder) {
  Started s;
  for (const std::string id : {"../../x", "", "..", "a/b", ".hidden", "\xff\x01", "_"}) {
    s.add(video(id));
    ASSERT_EQ(s.recorder->record(id, std::nullopt, rtp(1)), Outcome::accepted);
    const auto ended = s.end(id);
    const std::filesystem::path file = ended.manifest.at(id).location;
    EXPECT_EQ(file.parent_path(), s.recorder->folder()) << id;
    EXPECT_EQ(records(test::read_file(file)).size(), 1U) << id;
  }
}

TEST(Recorder, EndingATrackTwiceIsAnError) {
  Started s;
  s.add(video("camera"));
  s.end("camera");
  const std::string id = "camera";
  EXPECT_EQ(s.recorder->end_tracks({&id, 1}).error().code, Errc::tracks_not_found);
  EXPECT_EQ(s.recorder->record("camera", std::nullopt, rtp(1)), Outcome::ended);
}

TEST(Recorder, TwoRecordersOfTheSameSecondHaveFoldersOfTheirOwn) {
  TempDir dir;
  Recorder::Options options;
  options.base_dir = dir.path();
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::set<std::filesystem::path> folders;
  for (int i = 0; i < 4; ++i) {
    auto started = Recorder::start(options);
    ASSERT_TRUE(started);
    folders.insert((*started)->folder());
    const auto track = video("camera");
    ASSERT_TRUE((*started)->add_tracks({&track, 1}));
    recorders.push_back(std::move(*started));
  }
  EXPECT_EQ(folders.size(), 4U);
  for (const auto& folder : folders) EXPECT_TRUE(read_manifest(folder)->contains("camera"));
}

TEST(Recorder, APacketIsInTheFileAfterTheFlushInterval) {
  Recorder::Options options;
  options.flush_interval = 50ms;
  Started s(options);
  s.add(video("camera"));
  ASSERT_EQ(s.recorder->record("camera", std::nullopt, rtp(1)), Outcome::accepted);
  const auto file = s.recorder->folder() / "camera.rtpx";
  for (int i = 0; i < 500 && test::read_file(file).empty(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(records(test::read_file(file)).size(), 1U);
}

TEST(Recorder, DestructionEndsTheTracksAndSaysSo) {
  TempDir dir;
  std::filesystem::path folder;
  {
    Recorder::Options options;
    options.base_dir = dir.path();
    auto started = Recorder::start(options);
    ASSERT_TRUE(started);
    const auto track = video("camera");
    ASSERT_TRUE((*started)->add_tracks({&track, 1}));
    for (std::uint32_t i = 0; i < 100; ++i) (void)(*started)->record("camera", std::nullopt, rtp(i));
    folder = (*started)->folder();
  }
  const auto manifest = read_manifest(folder);
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->at("camera").end_reason, "recorder_stopped");
  EXPECT_FALSE(std::filesystem::exists(folder / ".reserve"));
  EXPECT_EQ(manifest->at("camera").packets, 100U);
  EXPECT_EQ(records(test::read_file(folder / "camera.rtpx")).size(), 100U);
}

TEST(Recorder, AHandleOutlivesItsRecorder) {
  Recorder::Track handle;
  {
    Started s;
    s.add(video("camera"));
    handle = *s.recorder->track("camera");
    EXPECT_EQ(handle.record(0, rtp(1)), Outcome::accepted);
    EXPECT_EQ(handle.record(1, rtp(1)), Outcome::unknown_rid);
  }
  EXPECT_EQ(handle.record(0, rtp(1)), Outcome::ended);
  EXPECT_EQ(Recorder::Track().record(0, rtp(1)), Outcome::unknown_track);
}

TEST(Recorder, ReceiveTimesNeverGoBackWithinATrack) {
  Started s;
  s.add(video("camera"));
  const auto at = [](int ms) {
    return PacketInfo{ReceiveClock::time_point(std::chrono::milliseconds(ms)), nullptr};
  };
  (void)s.recorder->record("camera", std::nullopt, rtp(1), at(1000));
  (void)s.recorder->record("camera", std::nullopt, rtp(2), at(900));
  (void)s.recorder->record("camera", std::nullopt, rtp(3), at(1001));
  const auto stored = records(test::read_file(s.end("camera").manifest.at("camera").location));
  ASSERT_EQ(stored.size(), 3U);
  EXPECT_EQ(stored[0].header.receive_time_ms, 1000);
  EXPECT_EQ(stored[1].header.receive_time_ms, 1000);
  EXPECT_EQ(stored[2].header.receive_time_ms, 1001);
}

TEST(Recorder, EveryCodecThatComesIsInTheManifest) {
  Started s;
  auto track = video("camera");
  track.codecs.clear();
  s.add(track);
  const Codec rtx{97, "video/rtx", 90000, std::nullopt, "97 apt=96", {}};
  const Codec vp8{96, "video/VP8", 90000, std::nullopt, std::nullopt, {"96 nack"}};
  const Codec changed{96, "video/VP9", 90000, std::nullopt, "96 profile-id=0", {}};
  for (const Codec* codec : {&rtx, &vp8, &vp8, &changed})
    ASSERT_EQ(s.recorder->record("camera", std::nullopt, rtp(1), {std::nullopt, codec}), Outcome::accepted);
  const auto ended = s.end("camera");
  EXPECT_THAT(ended.manifest.at("camera").codecs, testing::ElementsAre(rtx, vp8, changed));
  EXPECT_EQ(ended.manifest.at("camera").codec, vp8) << "the first that carries media";
}

TEST(Recorder, OddPacketsAreStoredAsTheyAre) {
  Started s;
  s.add(video("camera"));
  auto pad_count_zero = rtp(1);
  pad_count_zero[0] = std::byte{0xA0};
  pad_count_zero.back() = std::byte{0};
  const std::vector<std::byte> largest(65535, std::byte{1}), empty, too_large(65536);
  EXPECT_EQ(s.recorder->record("camera", std::nullopt, pad_count_zero), Outcome::accepted);
  EXPECT_EQ(s.recorder->record("camera", std::nullopt, largest), Outcome::accepted);
  EXPECT_EQ(s.recorder->record("camera", std::nullopt, empty), Outcome::accepted);
  EXPECT_EQ(s.recorder->record("camera", std::nullopt, too_large), Outcome::too_large);
  const auto stored = records(test::read_file(s.end("camera").manifest.at("camera").location));
  ASSERT_EQ(stored.size(), 3U);
  EXPECT_EQ(stored[0].packet, text(pad_count_zero));
  EXPECT_EQ(stored[1].packet, text(largest));
  EXPECT_EQ(stored[2].packet, "");
}

}  // namespace
}  // namespace rtpx
