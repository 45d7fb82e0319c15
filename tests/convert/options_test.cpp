// What the options of convert() do.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "convert/converted.hpp"
#include "convert/probe.hpp"
#include "convert/recording_copy.hpp"
#include "convert/synthetic_call.hpp"
#include "mux/muxer.hpp"
#include "packets/repaired_packets.hpp"
#include "rtp/packet.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/inspect.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::TempDir;

Result<ConvertResult> convert_into(const TempDir& out, const std::filesystem::path& recording,
                                   ConvertOptions options = {}) {
  options.output_path = out.path();
  return convert(recording.string(), options);
}

TEST(ConvertOptions, BestLayersMakeOneFileOfTheLargestPictures) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_simulcast3");
  const TempDir out;
  ConvertOptions options;
  options.layers = Layers::best;
  const auto result = convert_into(out, recording, options);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->files.size(), 1U);
  const auto& file = result->files.begin()->second;
  EXPECT_EQ(test::decode_errors(file.file), "");
  const int pictures = test::probe(file.file).packets("video");
  EXPECT_GE(pictures, 590);
  EXPECT_LE(pictures, 596);
  const std::string report = test::read_file(*file.report_location);
  EXPECT_FALSE(report.contains("\"what\": \"layer\""))
      << "all layers run through: the largest is taken at once";
}

/// Seconds of all pictures and sounds after the first sound. What an encoder of sound puts before its first
/// sample (at most 0.13 s) makes no difference.
std::vector<double> times_after_first_sound(const std::filesystem::path& file) {
  const auto sounds = test::packet_times(file, "a:0");
  auto times = test::packet_times(file, "v:0");
  std::ranges::sort(times);
  EXPECT_GE(sounds.front(), -0.13);
  times.insert(times.end(), sounds.begin(), sounds.end());
  for (double& time : times) time -= sounds.front();
  return times;
}

TEST(ConvertOptions, EveryContainerTellsTheSameTimes) {
  for (const char* name :
       {"vp9_opus", "vp9svc_opus", "av1_opus", "firefox_av1_opus", "h264_opus", "h264_pcmu"}) {
    RTPX_NEEDS_CAPTURE(recording, std::string("browser/") + name);
    const auto audio = std::string_view(name).contains("pcmu") ? AudioCodec::aac : AudioCodec::copy;
    const auto times_in = [&](Format format) {
      const TempDir out;
      return times_after_first_sound(
          test::converted(recording, out, {.format = format, .audio = audio}).file);
    };
    const auto expected = times_in(Format::mkv);
    EXPECT_GT(expected.size(), 400U);
    std::vector<Format> formats{Format::mp4, Format::fmp4};
    if (!std::string_view(name).contains("h264")) formats.push_back(Format::webm);
    for (const Format format : formats) {
      const auto times = times_in(format);
      ASSERT_EQ(times.size(), expected.size()) << name << " " << name_of(format);
      for (std::size_t i = 0; i < times.size(); ++i)
        ASSERT_NEAR(times[i], expected[i], 0.0011) << name << " " << name_of(format) << " packet " << i;
    }
  }
}

TEST(ConvertOptions, OnlyRidsChoosesLayers) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_simulcast3");
  const TempDir out;
  ConvertOptions options;
  options.only_rids.emplace().push_back("h");
  const auto result = convert_into(out, recording, options);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->files.size(), 1U);
  EXPECT_TRUE(result->files.begin()->first.ends_with("_h"));
  EXPECT_EQ(test::probe(result->files.begin()->second.file).packets("audio"), 1504);
}

TEST(ConvertOptions, JoiningMakesOneMatroskaWithATrackEach) {
  RTPX_NEEDS_CAPTURE(recording, "golden/small_head/20261122-123703");
  const TempDir out;
  ConvertOptions options;
  options.join = true;
  const auto result = convert_into(out, recording, options);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->files.size(), 1U);
  const auto& file = result->files.begin()->second;
  EXPECT_EQ(file.file.extension(), ".mkv");
  const auto probed = test::probe(file.file);
  EXPECT_EQ(probed.streams.size(), 5U);  // a picture, three layers of another, and sound
  EXPECT_EQ(probed.packets("video"), 90 + 90 + 90 + 45);
  EXPECT_TRUE(probed.streams.back().title.starts_with("6XNTAK4NXWQ4GZQC5EGK6DYF3JFQDTNV/"))
      << "names are kept";
  EXPECT_TRUE(
      std::ranges::any_of(probed.streams, [](const auto& stream) { return stream.title.ends_with(" h"); }));
  EXPECT_EQ(test::mkvmerge_warnings(file.file), "");
}

// What is played beside each other needs to know when each begins.
TEST(ConvertOptions, OutputsThatBeginLateSayByHowMuch) {
  RTPX_NEEDS_CAPTURE(recording, "edge/late_audio");
  auto manifest = read_manifest(recording);
  ASSERT_TRUE(manifest);
  manifest->at("1").streams = {"sound"};
  const TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  const auto result = convert(*manifest, recording, options);
  ASSERT_TRUE(result) << result.error().message;
  const auto json = nlohmann::json::parse(serialize_result(*result));
  EXPECT_EQ(json["S"]["offset_seconds"], 0);
  EXPECT_NEAR(json["sound"]["offset_seconds"].get<double>(), 15, 0.1);
  EXPECT_EQ(json["sound"]["duration_seconds"], 45);
  for (const auto& [id, file] : json.items())
    for (const char* key : {"location", "duration_seconds", "thumbnail_location"})
      EXPECT_TRUE(file.contains(key)) << "upstream's readers want " << key;
}

TEST(ConvertOptions, AResolutionChangeStaysInOneFileOrSplitsIt) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_opus_reschange");
  const TempDir out;
  auto result = convert_into(out, recording);
  ASSERT_TRUE(result) << result.error().message;
  const auto& whole = result->files.begin()->second;
  EXPECT_TRUE(whole.parts.empty());
  EXPECT_TRUE(test::read_file(*whole.report_location).contains("\"what\": \"resolution\""));
  const TempDir split_out;
  ConvertOptions options;
  options.on_change = OnChange::split;
  options.gaps = GapPolicy::keep;
  result = convert_into(split_out, recording, options);
  ASSERT_TRUE(result) << result.error().message;
  const auto& first = result->files.begin()->second;
  EXPECT_EQ(first.parts.size(), 3U);
  int pictures = test::probe(first.file).packets("video"), sounds = test::probe(first.file).packets("audio");
  double end = test::probe(first.file).duration_seconds;
  for (const ConvertedPart& part : first.parts) {
    const auto probed = test::probe(part.location);
    EXPECT_NEAR(static_cast<double>(part.offset_ms) / 1000, end, 0.2) << "the timeline goes on";
    EXPECT_NEAR(static_cast<double>(part.duration_ms) / 1000, probed.duration_seconds, 0.05);
    end = static_cast<double>(part.offset_ms) / 1000 + probed.duration_seconds;
    pictures += probed.packets("video");
    sounds += probed.packets("audio");
    EXPECT_EQ(test::decode_errors(part.location), "");
  }
  EXPECT_EQ(pictures, 361);
  EXPECT_EQ(sounds, 902);
}

TEST(ConvertOptions, ThumbnailAndSpritesStandBesideTheFile) {
  RTPX_NEEDS_CAPTURE(recording, "edge/ext1");
  const TempDir out;
  ConvertOptions options;
  options.thumbnails = Thumbnails{320, -1};
  options.sprites = 4;
  const auto result = convert_into(out, recording, options);
  ASSERT_TRUE(result) << result.error().message;
  const auto& file = result->files.at("S");
  ASSERT_TRUE(file.thumbnail_location);
  EXPECT_TRUE(file.thumbnail_location->ends_with("S.webm_thumbnail.jpg"));
  EXPECT_EQ(test::probe(*file.thumbnail_location).streams.at(0).width, 320);
  EXPECT_TRUE(std::filesystem::exists(out / "S.webm_sprites.vtt"));
}

TEST(ConvertOptions, ReencodingLeavesOnlyTheFileAskedFor) {
  RTPX_NEEDS_CAPTURE(recording, "edge/traversal");
  const TempDir out;
  ConvertOptions options;
  options.reencode = Reencode{.bitrate = "300k", .crf = 40, .resolution = std::pair{160, -1}};
  options.write_reports = false;
  const auto result = convert_into(out, recording, options);
  ASSERT_TRUE(result) << result.error().message;
  const auto probed = test::probe(result->files.begin()->second.file);
  EXPECT_EQ(probed.streams.at(0).width, 160);
  EXPECT_EQ(probed.packets("video"), 60);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(out.path()), {}), 1);
}

TEST(ConvertOptions, AudioIsTranscodedWhenAsked) {
  RTPX_NEEDS_CAPTURE(recording, "browser/h264_pcmu");
  const TempDir out;
  ConvertOptions options;
  options.format = Format::mp4;
  const auto refused = convert_into(out, recording, options);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("cannot hold audio/PCMU")) << refused.error().message;
  options.audio = AudioCodec::aac;
  const auto result = convert_into(out, recording, options);
  ASSERT_TRUE(result) << result.error().message;
  const auto probed = test::probe(result->files.begin()->second.file);
  ASSERT_EQ(probed.streams.size(), 2U);
  EXPECT_EQ(probed.streams[1].codec, "aac");
  EXPECT_EQ(test::decode_errors(result->files.begin()->second.file), "");
}

TEST(ConvertOptions, AWrongOptionIsAnErrorBeforeAnyWork) {
  RTPX_NEEDS_CAPTURE(recording, "edge/traversal");
  const TempDir out;
  ConvertOptions options;
  options.reencode = Reencode{.crf = 70};
  const auto result = convert_into(out, recording, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::invalid_argument);
}

TEST(ConvertOptions, ProgressRisesToOne) {
  const TempDir folder;
  const test::SyntheticCall call(folder / "call", 1, {});
  std::vector<double> told;
  std::optional<double> left;
  ConvertOptions options;
  options.output_path = folder / "out";
  options.progress = [&](const ConvertProgress& progress) {
    told.push_back(progress.fraction);
    left = progress.seconds_left;
    EXPECT_EQ(left.has_value(), progress.fraction > 0.01);
    EXPECT_GE(left.value_or(0), 0);
  };
  ASSERT_TRUE(convert((folder / "call").string(), options));
  ASSERT_FALSE(told.empty());
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(told.back(), 1);
  EXPECT_EQ(left, 0) << "nothing is left to do";
}

TEST(ConvertOptions, TwoPicturesOfOneStreamAreAFileEach) {
  const TempDir folder;
  const test::SyntheticCall call(folder / "call", 1, {}, 2);
  auto manifest = read_manifest(folder / "call");
  ASSERT_TRUE(manifest);
  (*manifest)["video2"] = manifest->at("video");
  ConvertOptions options;
  options.output_path = folder / "out";
  const auto result = convert(*manifest, folder / "call", options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->files.contains("call"));
  EXPECT_TRUE(result->files.contains("call_video2"));
}

/// Stores nothing, and says where it would.
class PretendingUploader final : public Uploader {
 public:
  UploadTaskRef upload(Task task, Done done) override {
    for (const auto& file : task.files) EXPECT_TRUE(std::filesystem::exists(task.folder / file)) << file;
    Manifest manifest = task.manifest;
    for (auto& [name, entry] : manifest) entry.location = "s3://bucket/" + entry.location;
    done({1}, event::UploadComplete{{1}, std::move(manifest)});
    return {1};
  }
  void file_growing(const std::filesystem::path&, std::uint64_t) override {}
  void resume(const std::filesystem::path&, Done) override {}
};

TEST(ConvertOptions, AnUploaderTakesTheFilesAndTheResultNamesThemThere) {
  const TempDir folder;
  const test::SyntheticCall call(folder / "call", 1, {}, 2);
  ConvertOptions options;
  options.output_path = folder / "out";
  options.uploader = std::make_shared<PretendingUploader>();
  const auto result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  const auto& file = result->files.at("call");
  EXPECT_EQ(file.location, "s3://bucket/call.webm");
  EXPECT_EQ(file.report_location, "s3://bucket/call.webm.report.json");
  EXPECT_TRUE(serialize_result(*result).contains("s3://bucket/call.webm"));
}

TEST(Healed, PacketsComeRepairedInOrderAndWithoutRedundancy) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_opus_lossy_audionack");
  const auto manifest = read_manifest(recording);
  ASSERT_TRUE(manifest);
  const TempDir spill;
  int packets = 0;
  std::optional<std::uint16_t> last;
  const auto done = for_each_repaired_packet(
      *manifest, recording, Outside::refused, "video_1", spill.path(), {}, [&](const HealedPacket& healed) -> Result<void> {
        const auto packet = parse_rtp(healed.packet);
        EXPECT_TRUE(packet);
        EXPECT_EQ(packet->payload_type, 96);
        EXPECT_EQ(packet->sequence_number,
                  last ? static_cast<std::uint16_t>(*last + 1) : packet->sequence_number);
        last = packet->sequence_number;
        ++packets;
        return {};
      });
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(packets, 1433 + 64);  // received and missing, counted by another tool
}

}  // namespace
}  // namespace rtpx
