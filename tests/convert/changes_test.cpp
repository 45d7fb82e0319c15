// What changes in mid-call: parameter sets, picture size, codec, rotation.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "convert/converted.hpp"
#include "convert/probe.hpp"
#include "mux/muxer.hpp"
#include "rtp/packet.hpp"
#include "rtpx/converter.hpp"
#include "support/captures.hpp"
#include "support/packet_recording.hpp"
#include "support/rtp_files.hpp"

namespace rtpx {
namespace {

using test::report_of;
using test::TempDir;
using test::track_report;
using testing::ElementsAre;

constexpr std::uint8_t kTurn = 13;  // extension id

std::vector<std::filesystem::path> files_of(const ConvertedFile& converted) {
  std::vector<std::filesystem::path> out{converted.file};
  for (const ConvertedPart& part : converted.parts) out.emplace_back(part.location);
  return out;
}

/// What the report says changed in its first track, "resolution 320x240 480x360".
std::vector<std::string> changes_of(const ConvertedFile& converted) {
  std::vector<std::string> out;
  const auto report = track_report(converted);
  for (const auto& change : report["changes"])
    out.push_back(change["what"].get<std::string>() + " " + change["from"].get<std::string>() + " " +
                  change["to"].get<std::string>());
  return out;
}

void expect_no_gaps_between_parts(const ConvertedFile& converted) {
  const auto parts = report_of(converted)["parts"];
  ASSERT_EQ(parts.size(), files_of(converted).size());
  for (std::size_t i = 1; i < parts.size(); ++i)
    EXPECT_NEAR(parts[i]["offset_ms"].get<double>(),
                parts[i - 1]["offset_ms"].get<double>() + parts[i - 1]["duration_ms"].get<double>(), 130);
}

/// The first packets of a payload type that hold `pictures` whole pictures; the recording has lost none.
std::vector<std::string> some_pictures(const std::filesystem::path& file, int payload_type, int pictures) {
  std::vector<std::string> out;
  for (std::string& packet : test::read_rtp_packets(file)) {
    const auto rtp = *parse_rtp(as_bytes(packet));
    if (rtp.payload_type != payload_type) continue;
    out.push_back(std::move(packet));
    if (rtp.marker && --pictures == 0) break;
  }
  return out;
}

Codec video_codec(std::uint8_t payload_type, const char* mime_type) {
  return {payload_type, mime_type, 90'000, std::nullopt, std::nullopt, {}};
}

TEST(Changes, H264OfAnotherSizePlaysThroughInEveryContainer) {
  RTPX_NEEDS_CAPTURE(recording, "browser/h264_pcmu");
  std::vector<std::string> pictures;
  for (const Format format : {Format::mkv, Format::mp4, Format::fmp4, Format::h264}) {
    const TempDir out;
    ConvertOptions options;
    options.output_path = out.path();
    options.format = format;
    options.audio = AudioCodec::aac;
    const auto result = convert(recording.string(), options);
    ASSERT_TRUE(result) << result.error().message;
    const ConvertedFile& file = result->files.begin()->second;
    EXPECT_TRUE(file.parts.empty());
    EXPECT_EQ(test::decode_errors(file.file), "");
    const auto probed = test::probe(file.file);
    const bool mp4 = format == Format::mp4 || format == Format::fmp4;
    EXPECT_EQ(probed.streams.at(0).tag == "avc3", mp4);
    const auto hashes = test::frame_hashes(file.file, "v:0");
    EXPECT_EQ(hashes.size(), 288U);
    if (pictures.empty()) pictures = hashes;
    EXPECT_EQ(hashes, pictures);
    EXPECT_THAT(changes_of(file), ElementsAre("resolution 320x240 480x360", "resolution 480x360 640x480"));
    EXPECT_NEAR(track_report(file)["changes"][0]["time_ms"].get<double>(), 8116, 1);
  }
}

TEST(Changes, WithoutAChangeMp4SaysThatTheHeaderHasTheSets) {
  RTPX_NEEDS_CAPTURE(recording, "browser/h264_opus");
  const TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  options.format = Format::mp4;
  const auto result = convert(recording.string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(test::probe(result->files.begin()->second.file).streams.at(0).tag, "avc1");
}

TEST(Changes, H264OfAnotherSizeIsSplitWhenAsked) {
  RTPX_NEEDS_CAPTURE(recording, "browser/h264_pcmu");
  const TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  options.format = Format::mp4;
  options.audio = AudioCodec::aac;
  options.on_change = OnChange::split;
  const auto result = convert(recording.string(), options);
  ASSERT_TRUE(result) << result.error().message;
  const ConvertedFile& file = result->files.begin()->second;
  std::vector<int> widths;
  int pictures = 0;
  for (const auto& part : files_of(file)) {
    const auto probed = test::probe(part);
    widths.push_back(probed.streams.at(0).width);
    pictures += probed.packets("video");
    EXPECT_EQ(probed.streams[0].tag, "avc1");
    EXPECT_EQ(test::decode_errors(part), "");
  }
  EXPECT_THAT(widths, ElementsAre(320, 480, 640));
  EXPECT_EQ(pictures, 288);
  expect_no_gaps_between_parts(file);
}

TEST(Changes, AnotherCodecBeginsAPart) {
  RTPX_NEEDS_CAPTURE(browser, "browser");
  const auto vp8 = some_pictures(browser / "vp8_opus/video_1.rtpx", 96, 60);
  auto packets = vp8;
  const auto h264 = test::continued(vp8, some_pictures(browser / "h264_opus/video_1.rtpx", 102, 50), 3000);
  packets.insert(packets.end(), h264.begin(), h264.end());
  const TempDir out;
  test::PacketRecording recording(out / "call");
  recording.add("video", MediaKind::video, {video_codec(96, "video/VP8"), video_codec(102, "video/H264")},
                packets);
  ConvertOptions options;
  options.output_path = out / "files";
  const auto result = convert(recording.path().string(), options);
  ASSERT_TRUE(result) << result.error().message;
  const ConvertedFile& file = result->files.at("call");
  ASSERT_EQ(file.parts.size(), 1U);
  EXPECT_EQ(file.file.filename(), "call.webm");
  EXPECT_EQ(test::probe(file.file).packets("video"), 60);
  EXPECT_TRUE(file.parts[0].location.ends_with("call_part2.mkv"));
  EXPECT_EQ(test::probe(file.parts[0].location).packets("video"), 50);
  for (const auto& part : files_of(file)) EXPECT_EQ(test::decode_errors(part), "");
  EXPECT_THAT(changes_of(file), ElementsAre("codec video/VP8 video/H264"));
  expect_no_gaps_between_parts(file);
}

// A phone that is turned twice. 3GPP TS 26.114 section 7.4.5: the last packet of a picture tells.
std::vector<std::string> turning_pictures(const std::filesystem::path& file) {
  std::vector<std::string> packets = test::read_rtp_packets(file);
  int picture = 0;
  for (std::string& packet : packets) {
    if (!parse_rtp(as_bytes(packet))->marker) continue;
    const int turn = picture < 100 ? 1 : picture < 200 ? 0 : 3 | 4;  // 90, none, 270 and flipped
    packet = test::with_extension(packet, kTurn, std::string(1, static_cast<char>(turn)));
    ++picture;
  }
  return packets;
}

TEST(Changes, ATurnIsWrittenDownAndATurnInMidCallBeginsAPartAtTheNextKeyframe) {
  RTPX_NEEDS_CAPTURE(file, "browser/h264_pcmu/video_1.rtpx");
  const TempDir out;
  test::PacketRecording recording(out / "call");
  recording.add("video", MediaKind::video, {video_codec(102, "video/H264"), video_codec(103, "video/rtx")},
                turning_pictures(file), {{"urn:3gpp:video-orientation", kTurn}});
  for (const Format format : {Format::mkv, Format::mp4}) {
    ConvertOptions options;
    options.output_path = out / name_of(format);
    options.format = format;
    options.thumbnails = Thumbnails{120, -1};
    const auto result = convert(recording.path().string(), options);
    ASSERT_TRUE(result) << result.error().message;
    const ConvertedFile& converted = result->files.at("call");
    std::vector<std::string> turns;
    int pictures = 0;
    for (const auto& part : files_of(converted)) {
      turns.push_back(test::display_matrix(part));
      pictures += test::probe(part).packets("video");
      EXPECT_EQ(test::decode_errors(part), "");
    }
    // Keyframes come at pictures 0, 1, 163 and 243; ffprobe counts counter-clockwise, Matroska's mirror is a
    // yaw that this ffprobe does not tell.
    EXPECT_EQ(turns.size(), 3U);
    EXPECT_EQ(turns.at(0), "-90");
    EXPECT_EQ(turns.at(1), "");
    EXPECT_NE(turns.at(2), "");
    EXPECT_EQ(pictures, 288);
    expect_no_gaps_between_parts(converted);
    EXPECT_THAT(changes_of(converted), testing::IsSupersetOf({"rotation 90 0", "rotation 0 270 mirrored"}));
    const auto thumbnail = test::probe(*converted.thumbnail_location).streams.at(0);
    EXPECT_EQ(thumbnail.width, 120);
    EXPECT_EQ(thumbnail.height, 160) << "4:3 on its side";
  }
}

}  // namespace
}  // namespace rtpx
