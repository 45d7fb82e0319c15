#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "media/video_reader.hpp"
#include "mux/matroska_ids.hpp"
#include "mux/support/media.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::AudioSource;
using test::EncodedStream;
using test::TempDir;
using test::VideoSource;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename());
  return names;
}

void expect_mkvmerge_finds_nothing_wrong(const std::filesystem::path& file) {
  const auto told = test::run("mkvmerge -J '" + file.string() + "'");
  if (told.status == 127) return;  // not installed here
  EXPECT_EQ(told.status, 0) << told.text;
  EXPECT_THAT(told.text, testing::HasSubstr("\"warnings\": []"));
  EXPECT_THAT(told.text, testing::HasSubstr("\"errors\": []"));
}

TEST(MatroskaWriter, Vp8AndOpusInWebmDecodeToWhatTheEncoderMade) {
  const TempDir folder;
  const auto video = test::encode_video({}), audio = test::encode_audio({});
  const auto written = test::mux(Format::webm, folder / "a.webm", {video, audio},
                                 {.title = "A call", .date_utc = "2026-07-01T12:34:56Z"});
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("a.webm"));

  const auto decoded = test::decode_file(folder / "a.webm");
  ASSERT_EQ(decoded.streams.size(), 2U) << decoded.error;
  EXPECT_EQ(decoded.format, "matroska,webm");
  EXPECT_EQ(decoded.duration_ns, 2'013'500'000);  // 101 packets of 20 ms without the codec delay of 6.5 ms
  EXPECT_EQ(decoded.streams[0].codec, "vp8");
  EXPECT_EQ(decoded.streams[0].width, 320);
  EXPECT_EQ(decoded.streams[0].times_ns.size(), 50U);
  EXPECT_EQ(decoded.streams[0].times_ns[49], 49 * 40'000'000LL);
  EXPECT_EQ(decoded.streams[0].hashes, video.hashes);
  EXPECT_EQ(decoded.streams[0].decode_errors, 0);
  EXPECT_EQ(decoded.streams[1].codec, "opus");
  EXPECT_EQ(decoded.streams[1].extradata, audio.track.config.codec_private);
  EXPECT_EQ(decoded.streams[1].times_ns[0], -7'000'000);  // 312 samples, in milliseconds
  EXPECT_EQ(decoded.streams[1].decode_errors, 0);
  expect_mkvmerge_finds_nothing_wrong(folder / "a.webm");
}

// Where an element begins in a file, by its identifier's bytes.
std::size_t place_of(const std::string& file, std::uint32_t element) {
  std::string id;
  for (int shift = 24; shift >= 0; shift -= 8) id.push_back(static_cast<char>(element >> shift));
  return file.find(id);
}

TEST(MatroskaWriter, CuesStandBeforeTheClustersAndNothingIsLeftBehindThem) {
  const TempDir folder;
  ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {test::encode_video({}), test::encode_audio({})}));
  const std::string file = test::read_file(folder / "a.webm");
  const std::size_t cues = file.find(std::string("\x1C\x53\xBB\x6B\x10", 5));  // with a size of 4 bytes
  ASSERT_NE(cues, std::string::npos);
  EXPECT_LT(cues, place_of(file, matroska::kCluster));
}

TEST(MatroskaWriter, CuesLeadToEveryKeyframe) {
  const TempDir folder;
  const auto video = test::encode_video({.width = 640, .height = 480, .frames = 100, .gop = 20});
  ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {video, test::encode_audio({.seconds = 4})}));
  const auto reader = VideoReader::open(folder / "a.webm");
  ASSERT_TRUE(reader);
  for (const std::int64_t tenths : {35, 4, 20, 0, 39}) {
    ASSERT_TRUE((*reader)->seek(tenths * 100'000'000));
    const auto picture = (*reader)->next();
    ASSERT_TRUE(picture && *picture != nullptr);
    EXPECT_EQ((*reader)->time_ns(**picture), tenths / 8 * 800'000'000) << tenths;
    EXPECT_EQ((*reader)->keyframe_before(tenths * 100'000'000), tenths / 8 * 800'000'000);
  }
}

TEST(MatroskaWriter, CuesGoToTheEndWhenTheirNumberWasNotKnown) {
  const TempDir folder;
  const auto video = test::encode_video({.frames = 100, .gop = 13});
  auto muxer = open_muxer(Format::webm, folder / "a.webm", {video.track}, {});
  ASSERT_TRUE(muxer) << muxer.error().message;
  for (const auto& packet : video.packets)
    ASSERT_TRUE(
        (*muxer)->write({.time_ns = packet.time_ns, .keyframe = packet.keyframe, .data = packet.data}));
  ASSERT_TRUE((*muxer)->finish());
  const std::string file = test::read_file(folder / "a.webm");
  EXPECT_GT(file.find(std::string("\x1C\x53\xBB\x6B\x10", 5)), place_of(file, matroska::kCluster));
  const auto decoded = test::decode_file(folder / "a.webm");
  ASSERT_EQ(decoded.streams.size(), 1U);
  EXPECT_EQ(decoded.streams[0].hashes, video.hashes);
  expect_mkvmerge_finds_nothing_wrong(folder / "a.webm");
}

TEST(MatroskaWriter, EveryRoomForCuesLeavesAValidFile) {
  const TempDir folder;
  const auto video = test::encode_video({.frames = 60, .gop = 13});  // 5 keyframes
  for (std::uint64_t announced = 1; announced < 9; ++announced) {
    ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {video}, {.cue_points = announced}));
    EXPECT_EQ(test::decode_file(folder / "a.webm").streams.at(0).hashes, video.hashes) << announced;
    expect_mkvmerge_finds_nothing_wrong(folder / "a.webm");
  }
}

TEST(MatroskaWriter, AnUnfinishedWriterLeavesNoFile) {
  const TempDir folder;
  const auto video = test::encode_video({.frames = 5});
  {
    auto muxer = open_muxer(Format::webm, folder / "a.webm", {video.track}, {});
    ASSERT_TRUE(muxer);
    ASSERT_TRUE((*muxer)->write({.keyframe = true, .data = video.packets[0].data}));
    EXPECT_EQ(names_in(folder.path()).size(), 1U);
    EXPECT_THAT(names_in(folder.path())[0], testing::StartsWith("."));
  }
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

TEST(MatroskaWriter, AFrameLargerThanTheBufferIsAClusterOfItsOwn) {
  const TempDir folder;
  EncodedStream sound;
  sound.track.kind = MediaKind::audio;
  sound.track.mime_type = "audio/L16";
  sound.track.config.sample_rate = 48'000;
  sound.track.config.channels = 2;
  std::int64_t time = 0;
  for (const std::size_t size : {100U, 2U << 20, 4U, (256U << 10) - 40, 256U << 10, 300U}) {
    test::EncodedPacket packet;
    packet.data.resize(size);
    for (std::size_t i = 0; i < size; ++i) packet.data[i] = static_cast<std::byte>(i * 7);
    packet.time_ns = time;
    packet.keyframe = true;
    time += static_cast<std::int64_t>(size / 4) * 1'000'000'000 / 48'000;
    sound.packets.push_back(packet);
  }
  ASSERT_TRUE(test::mux(Format::mkv, folder / "a.mkv", {sound}));
  const auto decoded = test::decode_file(folder / "a.mkv");
  ASSERT_EQ(decoded.streams.size(), 1U);
  EXPECT_THAT(decoded.streams[0].sizes,
              testing::ElementsAre(100, 2 << 20, 4, (256 << 10) - 40, 256 << 10, 300));
  EXPECT_EQ(decoded.streams[0].codec, "pcm_s16le");
  expect_mkvmerge_finds_nothing_wrong(folder / "a.mkv");
}

TEST(MatroskaWriter, ALateTrackAndLongGapsKeepTheirTime) {
  const TempDir folder;
  auto video = test::encode_video({.frames = 10, .gop = 5}), audio = test::encode_audio({.seconds = 0.2});
  for (auto& packet : video.packets) packet.time_ns += 3'600'000'000'000;  // an hour late
  for (std::size_t i = 5; i < video.packets.size(); ++i) video.packets[i].time_ns += 7'200'000'000'000;
  ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {video, audio}));
  const auto decoded = test::decode_file(folder / "a.webm");
  ASSERT_EQ(decoded.streams.size(), 2U);
  EXPECT_EQ(decoded.streams[0].times_ns.front(), 3'600'000'000'000);
  EXPECT_EQ(decoded.streams[0].times_ns.back(), 10'800'360'000'000);
  EXPECT_EQ(decoded.streams[0].hashes, video.hashes);
  EXPECT_EQ(decoded.duration_ns, 10'800'400'000'000);
  expect_mkvmerge_finds_nothing_wrong(folder / "a.webm");
}

TEST(MatroskaWriter, DiscardPaddingCutsTheLastPacket) {
  const TempDir folder;
  const auto audio = test::encode_audio({.seconds = 0.2});
  auto muxer = open_muxer(Format::webm, folder / "a.webm", {audio.track}, {.duration_ns = 200'000'000});
  ASSERT_TRUE(muxer);
  const auto& packets = audio.packets;
  for (std::size_t i = 0; i < packets.size(); ++i)
    ASSERT_TRUE((*muxer)->write({.time_ns = packets[i].time_ns,
                                 .duration_ns = packets[i].duration_ns,
                                 .keyframe = true,
                                 .discard_ns = i + 1 == packets.size() ? 13'500'000 : 0,
                                 .data = packets[i].data}));
  ASSERT_TRUE((*muxer)->finish());
  const auto decoded = test::decode_file(folder / "a.webm");
  EXPECT_EQ(decoded.duration_ns, 200'000'000);
  EXPECT_EQ(decoded.streams.at(0).samples, 9'600);  // 11 packets, less 312 in front and 648 behind
  expect_mkvmerge_finds_nothing_wrong(folder / "a.webm");
}

TEST(MatroskaWriter, RotationAndMirrorBecomeAProjection) {
  const TempDir folder;
  auto video = test::encode_video({.frames = 3});
  for (const auto& [rotation, roll] :
       std::initializer_list<std::pair<int, double>>{{90, -90}, {180, 180}, {270, 90}}) {
    video.track.rotation = rotation;
    video.track.mirrored = rotation == 270;
    ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {video}));
    const auto decoded = test::decode_file(folder / "a.webm");
    EXPECT_TRUE(decoded.streams.at(0).display_matrix);
    if (!video.track.mirrored) {  // FFmpeg tells counter-clockwise
      EXPECT_NEAR(std::remainder(decoded.streams[0].rotation + rotation, 360), 0, 0.01);
    }
    const auto told = test::run("mkvinfo '" + (folder / "a.webm").string() + "'");
    if (told.status == 127) GTEST_SKIP() << "mkvinfo is not installed";
    EXPECT_THAT(told.text,
                testing::ContainsRegex("[Rr]oll[a-z ]*: " + std::to_string(static_cast<int>(roll)) + "\n"));
    EXPECT_THAT(told.text, testing::ContainsRegex(std::string("[Yy]aw[a-z ]*: ") +
                                                  (rotation == 270 ? "180" : "0") + "\n"));
    expect_mkvmerge_finds_nothing_wrong(folder / "a.webm");
  }
}

TEST(MatroskaWriter, WhatACodecNeedsAndTheTrackLacksIsAnErrorThatNamesIt) {
  const TempDir folder;
  OutputTrack track;
  track.mime_type = "video/H264";
  track.config.width = 320;
  track.config.height = 240;
  const auto opened = open_muxer(Format::mkv, folder / "a.mkv", {track}, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::invalid_argument);
  EXPECT_THAT(opened.error().message, testing::HasSubstr("video/H264"));
  EXPECT_THAT(names_in(folder.path()), testing::IsEmpty());
}

// RFC 9559, BlockDuration: without it, browsers' Media Source Extensions see a hole and stop in it for good.
TEST(MatroskaWriter, APictureBeforeAPauseAndTheLastOfEachTrackSayTheirDuration) {
  const TempDir folder;
  for (const std::int64_t pause : {400'000'000LL, 40'000'000'000LL}) {
    auto video = test::encode_video({.frames = 20});
    auto audio = test::encode_audio({.seconds = 2});
    for (std::size_t i = 10; i < video.packets.size(); ++i) video.packets[i].time_ns += pause;
    for (auto& packet : video.packets) packet.duration_ns = 0;  // RTP tells none
    for (std::size_t i = 50; i < audio.packets.size(); ++i) audio.packets[i].time_ns += pause;
    ASSERT_TRUE(test::mux(Format::webm, folder / "a.webm", {video, audio}));
    const auto decoded = test::decode_file(folder / "a.webm");
    ASSERT_EQ(decoded.streams.size(), 2U);
    EXPECT_EQ(decoded.streams[0].hashes, video.hashes);
    EXPECT_EQ(decoded.streams[0].durations_ns[9], 40'000'000 + pause);
    EXPECT_EQ(decoded.streams[0].durations_ns[19], 40'000'000);
    EXPECT_EQ(decoded.streams[1].durations_ns.back(), 20'000'000);
    // A BlockDuration is an element of four octets here: one before the pause, one at the end of each track.
    const std::string file = test::read_file(folder / "a.webm");
    int told = 0;
    for (std::size_t at = 0; (at = file.find("\x9B\x84", at)) != std::string::npos; ++at) ++told;
    EXPECT_GE(told, 3);
    EXPECT_LE(told, 6);
    expect_mkvmerge_finds_nothing_wrong(folder / "a.webm");
  }
}

TEST(MatroskaWriter, ATrackHasTheSizeOfItsLargestPicture) {
  const TempDir folder;
  const auto small = test::encode_video({.width = 320, .height = 180, .frames = 5});
  const auto large = test::encode_video({.width = 640, .height = 480, .frames = 5, .seed = 1});
  auto muxer = open_muxer(Format::webm, folder / "a.webm", {small.track}, {.cue_points = 2});
  ASSERT_TRUE(muxer);
  std::int64_t time = 0;
  for (const EncodedStream* part : std::initializer_list<const EncodedStream*>{&small, &large, &small})
    for (std::size_t i = 0; i < part->packets.size(); ++i) {
      Sample sample{.time_ns = time, .keyframe = part->packets[i].keyframe, .data = part->packets[i].data};
      if (i == 0) sample.new_config = &part->track.config;
      ASSERT_TRUE((*muxer)->write(sample));
      time += 40'000'000;
    }
  ASSERT_TRUE((*muxer)->finish());
  const auto decoded = test::decode_file(folder / "a.webm");
  EXPECT_EQ(std::pair(decoded.streams.at(0).width, decoded.streams.at(0).height), std::pair(640, 480));
  expect_mkvmerge_finds_nothing_wrong(folder / "a.webm");
}

}  // namespace
}  // namespace rtpx
