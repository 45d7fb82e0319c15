// What inspect_recording() and the report beside a file tell.

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "convert/converted.hpp"
#include "convert/probe.hpp"
#include "convert/recording_copy.hpp"
#include "convert/synthetic_call.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/inspect.hpp"
#include "support/captures.hpp"
#include "support/places.hpp"

namespace rtpx {
namespace {

using test::TempDir;

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

// Without keyframes after a loss the picture never gets clean again.
TEST(QualityReport, AFreezeThatNeverEndsIsListed) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_opus_flashbeep");
  const test::RecordingCopy copy(recording);
  int packets = 0;
  copy.change("video_1.rtpx", [&](std::string&) { return ++packets < 1000 || packets > 1100; });
  const auto report = inspect_recording(copy.path().string());
  ASSERT_TRUE(report) << report.error().message;
  const TrackReport& video = track_of(*report, "video_1");
  ASSERT_FALSE(video.freezes.empty());
  EXPECT_EQ(video.freezes.back().kind, ReportGap::Kind::loss);
  EXPECT_NEAR(video.freezes.back().start_ms + video.freezes.back().duration_ms, video.end_ms, 100);
}

// Two sources with numbers of their own on one track, as layers without rids would be.
TEST(QualityReport, OfTwoSourcesAtOnceOneIsTakenAndTheOtherCounted) {
  const TempDir folder;
  const test::SyntheticCall call(folder / "call", 1, {}), other(folder / "other", 2, {});
  test::write_file(folder / "call" / "video.rtpx", test::read_file(folder / "call" / "video.rtpx") +
                                                       test::read_file(folder / "other" / "video.rtpx"));
  const test::RecordingCopy both(folder / "call");
  both.change("video.rtpx", [](std::string&) { return true; });  // sorts by arrival
  ConvertOptions options;
  options.output_path = folder / "out";
  const auto result = convert(both.path().string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_NEAR(static_cast<double>(result->files.at("call").duration_ms), 20'000, 100);
  EXPECT_NEAR(test::probe(result->files.at("call").file).packets("video"), 500, 20);
  EXPECT_TRUE(std::ranges::any_of(
      result->notes, [](const ConvertNote& note) { return note.message.contains("beside a newer one"); }));
  const auto report = inspect_recording(both.path().string());
  ASSERT_TRUE(report);
  const TrackReport& video = track_of(*report, "video");
  EXPECT_LE(video.segments.size(), 2U);
  EXPECT_GT(video.parallel_packets, 1000U);
}

/// Keys of objects at any depth.
void collect_keys(const nlohmann::json& value, std::set<std::string>& keys) {
  if (value.is_object())
    for (const auto& [key, inner] : value.items()) keys.insert(key);
  for (const auto& inner : value)
    if (inner.is_structured()) collect_keys(inner, keys);
}

TEST(QualityReport, HasExactlyTheKeysThatItsSchemaNames) {
  const TempDir folder;
  test::Impairment lossy;
  lossy.loss = 0.05;
  const test::SyntheticCall call(folder / "call", 3, lossy);
  ConvertOptions options;
  options.output_path = folder / "out";
  const auto result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  const auto report = inspect_recording((folder / "call").string());
  ASSERT_TRUE(report);
  const auto whole = nlohmann::json::parse(serialize_report(*report));
  const auto beside = test::report_of(result->files.at("call"));
  std::set<std::string> keys, named, rows;
  collect_keys(whole, keys);
  collect_keys(beside, keys);
  const std::string schema = test::read_file(test::source_dir() / "docs/report-schema.md");
  const std::regex quoted("`([a-z_]+)`"), row("(^|\n)\\|([^|]*)\\|");
  for (std::sregex_iterator at(schema.begin(), schema.end(), quoted), end; at != end; ++at)
    named.insert((*at)[1]);
  for (std::sregex_iterator at(schema.begin(), schema.end(), row), end; at != end; ++at) {
    const std::string first_column = (*at)[2];
    for (std::sregex_iterator key(first_column.begin(), first_column.end(), quoted); key != end; ++key)
      rows.insert((*key)[1]);
  }
  for (const std::string& key : keys) EXPECT_TRUE(named.contains(key)) << key << " is not documented";
  EXPECT_GT(rows.size(), 30U);
  rows.erase("refused");  // of tracks that cannot be converted
  rows.erase("participant"), rows.erase("participant_name");  // of recordings of several
  for (const std::string& key : rows)
    EXPECT_TRUE(keys.contains(key)) << key << " is documented and not there";
}

}  // namespace
}  // namespace rtpx
