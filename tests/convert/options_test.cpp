// What the options of convert() do.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "convert/healed.hpp"
#include "convert/probe.hpp"
#include "convert/recording_copy.hpp"
#include "convert/synthetic_call.hpp"
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
  EXPECT_TRUE(report.contains("\"what\": \"layer\""));
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
  EXPECT_EQ(test::mkvmerge_warnings(file.file), "");
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
  for (const std::string& part : first.parts) {
    const auto probed = test::probe(part);
    pictures += probed.packets("video");
    sounds += probed.packets("audio");
    EXPECT_EQ(test::decode_errors(part), "");
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
  ConvertOptions options;
  options.output_path = folder / "out";
  options.progress = [&](const ConvertProgress& progress) { told.push_back(progress.fraction); };
  ASSERT_TRUE(convert((folder / "call").string(), options));
  ASSERT_FALSE(told.empty());
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(told.back(), 1);
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

const TrackReport& track_of(const RecordingReport& report, const std::string& id) {
  return *std::ranges::find(report.tracks, id, &TrackReport::track_id);
}

// Takes two seconds of sound out, from the fourth on; with `renumber` nobody could miss them by number.
void take_out(const test::RecordingCopy& copy, bool renumber) {
  int packets = 0;
  copy.change("audio.rtpx", [&](std::string& record) {
    const int number = packets++;
    if (number >= 200 && number < 300) return false;
    auto* sequence = reinterpret_cast<std::byte*>(record.data()) + RecordHeader::kBytes + 2;
    if (renumber && number >= 300)
      store_be(sequence, static_cast<std::uint16_t>(load_be<std::uint16_t>(sequence) - 100));
    return true;
  });
}

TEST(QualityReport, TellsSilenceFromLossAndPause) {
  const TempDir folder;
  const test::SyntheticCall call(folder / "call", 1, {}, 10);
  const auto gaps_of = [](const test::RecordingCopy& copy) {
    const auto report = inspect_recording(copy.path().string());
    return report ? track_of(*report, "audio").gaps : std::vector<ReportGap>{};
  };
  const test::RecordingCopy silent(folder / "call"), lossy(folder / "call"), paused(folder / "call");
  take_out(silent, true);
  take_out(lossy, false);
  paused.move_arrivals("audio.rtpx", [](double ms) { return ms > -995'000 ? ms + 4000 : ms; });

  const auto dtx = gaps_of(silent), loss = gaps_of(lossy), pause = gaps_of(paused);
  ASSERT_EQ(dtx.size(), 1U);
  EXPECT_EQ(dtx[0].kind, ReportGap::Kind::dtx);
  EXPECT_NEAR(dtx[0].duration_ms, 2000, 40);
  ASSERT_EQ(loss.size(), 1U);
  EXPECT_EQ(loss[0].kind, ReportGap::Kind::loss);
  EXPECT_EQ(loss[0].packets, 100U);
  ASSERT_EQ(pause.size(), 1U);
  EXPECT_EQ(pause[0].kind, ReportGap::Kind::pause);
}

TEST(QualityReport, CountsWhatRepairGaveBack) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_opus_lossy_audionack");
  const auto report = inspect_recording(recording.string());
  ASSERT_TRUE(report) << report.error().message;
  const TrackReport& video = track_of(*report, "video_1");
  EXPECT_EQ(video.lost.before_repair, 64U);  // as another tool counted
  EXPECT_EQ(video.lost.by_rtx, 64U);
  EXPECT_EQ(video.lost.after_repair, 0U);
  EXPECT_EQ(video.frames, 496U);
}

// repair_count: 93 of the 1396 packets never came as media. 88 others came after FEC had given them back.
TEST(QualityReport, APacketThatRepairOvertookIsLateAndNotLost) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_flexfec_lossy");
  const auto report = inspect_recording(call);
  ASSERT_TRUE(report) << report.error().message;
  const auto& video = track_of(*report, "video_1");
  EXPECT_EQ(video.lost.before_repair, 93U);
  EXPECT_EQ(video.lost.after_repair, 0U);
  EXPECT_EQ(video.duplicates, 0U);
  const auto& audio = track_of(*report, "audio_0");
  double lost_ms = 0;
  for (const ReportGap& gap : audio.gaps) lost_ms += gap.duration_ms;
  EXPECT_NEAR(lost_ms, 68 * 20, 100) << "each loss has its own length";
}

TEST(QualityReport, NamesTheClockAndItsResidual) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_opus");
  const auto report = inspect_recording(recording.string());
  ASSERT_TRUE(report) << report.error().message;
  for (const TrackReport& track : report->tracks) {
    ASSERT_EQ(track.segments.size(), 1U);
    EXPECT_EQ(track.segments[0].clock_source, "sender_reports");
    EXPECT_LT(track.segments[0].residual_ms, 5);
  }
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
  const auto done = for_each_healed_packet(
      *manifest, recording, "video_1", spill.path(), {}, [&](const HealedPacket& healed) -> Result<void> {
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
