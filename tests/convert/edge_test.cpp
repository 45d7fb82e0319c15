// The Converter's rows of upstream-behaviour: what goes wrong there is right here.

#include <gtest/gtest.h>

#include <algorithm>

#include "convert/probe.hpp"
#include "convert/recording_copy.hpp"
#include "convert/synthetic_call.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/inspect.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::TempDir;

/// A conversion into a folder of its own.
struct Converted {
  TempDir out;
  Result<ConvertResult> result;

  explicit Converted(const std::filesystem::path& recording, ConvertOptions options = {})
      : result(fail(Errc::internal, "")) {
    options.output_path = out.path();
    result = convert(recording.string(), options);
  }
  [[nodiscard]] const ConvertedFile& file(const std::string& id) const { return result->files.at(id); }
  [[nodiscard]] bool notes_say(const std::string& text) const {
    return std::ranges::any_of(result->notes, [&](const auto& note) { return note.message.contains(text); });
  }
};

TEST(UpstreamConverter, PacketsWithHeaderExtensionOneConvert) {
  RTPX_NEEDS_CAPTURE(recording, "edge/ext1");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  EXPECT_FALSE(converted.result->lost_media);
  EXPECT_EQ(test::probe(converted.file("S").file).packets("video"), 150);
}

TEST(UpstreamConverter, APacedKeyframeDoesNotMoveTheSound) {
  RTPX_NEEDS_CAPTURE(recording, "edge/lipsync");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  const auto video = test::packet_times(converted.file("S").file, "v:0");
  const auto audio = test::packet_times(converted.file("S").file, "a:0");
  // Both began at the same instant; the keyframe's last packet came 619 ms later.
  EXPECT_NEAR(video.front() - audio.front(), 0, 0.020);
  EXPECT_NEAR(video.back() - audio.back(), -0.013, 0.030);
}

TEST(UpstreamConverter, ALateJoinerStartsLateAndNothingIsCut) {
  RTPX_NEEDS_CAPTURE(recording, "edge/late_audio");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  const auto& file = converted.file("S");
  const auto audio = test::packet_times(file.file, "a:0");
  EXPECT_NEAR(test::packet_times(file.file, "v:0").front(), 0, 0.010);
  EXPECT_NEAR(audio.front(), 15, 0.1);
  EXPECT_EQ(test::probe(file.file).packets("audio"), 2250);
  EXPECT_EQ(file.duration_seconds, 60);
}

TEST(UpstreamConverter, ASimulcastLayerWithoutPacketsIsPassedOver) {
  RTPX_NEEDS_CAPTURE(recording, "edge/simul_missing");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  EXPECT_EQ(converted.result->files.size(), 2U);
  EXPECT_TRUE(converted.result->files.contains("S_q") && converted.result->files.contains("S_h"));
  EXPECT_TRUE(converted.notes_say("rid f"));
}

TEST(UpstreamConverter, AnEmptyTrackFileDoesNotStopTheOthers) {
  RTPX_NEEDS_CAPTURE(recording, "edge/empty");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  EXPECT_EQ(test::probe(converted.file("S").file).packets("audio"), 3001);
  EXPECT_TRUE(converted.notes_say("track 2: it holds no media packets"));
}

TEST(UpstreamConverter, DuplicatesAndReorderingLoseNothing) {
  RTPX_NEEDS_CAPTURE(recording, "edge/dups");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  EXPECT_FALSE(converted.result->lost_media);
  EXPECT_EQ(test::probe(converted.file("S").file).packets("video"), 1800);
}

TEST(UpstreamConverter, ASequenceRestartIsANewSegmentOfTrueLength) {
  RTPX_NEEDS_CAPTURE(recording, "edge/ssrc_change_back");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  const auto& file = converted.file("S");
  EXPECT_EQ(test::probe(file.file).packets("video"), 1800);
  EXPECT_NEAR(static_cast<double>(file.duration_ms), 60'000, 100);
  const auto report = inspect_recording(recording.string());
  ASSERT_TRUE(report);
  ASSERT_EQ(report->tracks.at(0).segments.size(), 2U);
  EXPECT_EQ(report->tracks.at(0).segments.at(1).why, "new_ssrc");
}

/// How the sender's numbers or times go on from the middle of the call.
struct Restart {
  const char* name;
  std::uint16_t numbers;
  std::uint32_t ticks;
  const char* why;
};
void PrintTo(const Restart& of, std::ostream* out) {
  *out << of.name;
}

class SenderRestart : public ::testing::TestWithParam<Restart> {};

TEST_P(SenderRestart, KeepsTheTrueLengthAndEveryFrame) {
  const Restart& restart = GetParam();
  const TempDir folder;
  const test::SyntheticCall call(folder / "call", 4, {}, 20);
  const test::RecordingCopy copy(folder / "call");
  int packets = 0;
  copy.change("audio.rtpx", [&](std::string& record) {
    if (++packets <= 500) return true;
    auto* packet = reinterpret_cast<std::byte*>(record.data()) + RecordHeader::kBytes;
    store_be(packet + 2, static_cast<std::uint16_t>(load_be<std::uint16_t>(packet + 2) + restart.numbers));
    store_be(packet + 4, load_be<std::uint32_t>(packet + 4) + restart.ticks);
    return true;
  });
  const Converted converted(copy.path());
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  const auto& file = converted.file("call");
  EXPECT_NEAR(static_cast<double>(file.duration_ms), 20'000, 60);
  EXPECT_EQ(test::probe(file.file).packets("audio"), 1000);
  const auto times = test::packet_times(file.file, "a:0");
  for (std::size_t i = 0; i < times.size(); ++i)
    ASSERT_NEAR(times[i] - times[0], 0.02 * static_cast<double>(i), 0.03);
  const auto report = inspect_recording(copy.path().string());
  ASSERT_TRUE(report);
  const auto& segments = report->tracks.at(0).segments;
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments.at(1).why, restart.why);
}

INSTANTIATE_TEST_SUITE_P(
    UpstreamConverter, SenderRestart,
    ::testing::Values(Restart{"NumbersBackwards", 65'536 - 20'000, 0, "sequence_restart"},
                      Restart{"NumbersForwards", 20'000, 0, "sequence_restart"},
                      Restart{"BothAnew", 12'345, 0x5A5A5A5A, "sequence_restart"},
                      Restart{"TimeAnHourAhead", 0, 3600U * 48'000, "timestamp_jump"},
                      Restart{"TimeAnHourBack", 0, 0U - 3600U * 48'000, "timestamp_jump"}),
    [](const auto& of) { return std::string(of.param.name); });

TEST(UpstreamConverter, AStreamIdNeverLeavesTheOutputFolder) {
  RTPX_NEEDS_CAPTURE(recording, "edge/traversal");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  const auto& file = converted.file("../../../../tmp/upstream_trav/evil");
  EXPECT_EQ(file.file.parent_path(), converted.out.path());
  EXPECT_TRUE(std::filesystem::exists(file.file));
}

TEST(UpstreamConverter, ATrackWithoutAStreamIsNamedAfterItself) {
  RTPX_NEEDS_CAPTURE(recording, "edge/no_stream");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  EXPECT_EQ(converted.file("2").file.filename(), "2.webm");
}

TEST(UpstreamConverter, ConvertingTwiceReplacesTheFile) {
  RTPX_NEEDS_CAPTURE(recording, "edge/traversal");
  TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(convert(recording.string(), options));
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(out.path())) ++files;
  EXPECT_EQ(files, 2);  // the media and its report
}

TEST(UpstreamConverter, ACorruptLengthLosesOnlyWhatItCovers) {
  RTPX_NEEDS_CAPTURE(recording, "edge/corrupt_len");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  EXPECT_TRUE(converted.result->lost_media);
  EXPECT_TRUE(converted.notes_say("damaged"));
  EXPECT_EQ(test::probe(converted.file("S").file).packets("video"), 149);
}

TEST(UpstreamConverter, ATornLastRecordIsLeftOut) {
  RTPX_NEEDS_CAPTURE(recording, "edge/truncated");
  const Converted converted(recording);
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  EXPECT_EQ(test::probe(converted.file("S").file).packets("video"), 149);
  EXPECT_TRUE(converted.notes_say("ends inside a record"));
}

TEST(UpstreamConverter, H264IsNeverTakenForVp8) {
  RTPX_NEEDS_CAPTURE(recording, "edge/h264");
  const Converted converted(recording);
  if (!converted.result) {
    EXPECT_EQ(converted.result.error().code, Errc::nothing_to_convert);
    EXPECT_TRUE(converted.result.error().message.contains("recognised"));
    return;
  }
  const auto probed = test::probe(converted.file("S").file);
  ASSERT_EQ(probed.streams.size(), 1U);
  EXPECT_EQ(probed.streams[0].codec, "h264");
}

TEST(UpstreamConverter, AnyStartOffsetIsKept) {
  RTPX_NEEDS_CAPTURE(recording, "edge/ext1");
  const test::RecordingCopy copy(recording);
  copy.move_arrivals("1.rtpx", [](double ms) { return ms + 61 * 60'000.0; });
  const Converted converted(copy.path());
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  const auto probed = test::probe(converted.file("S").file);
  EXPECT_EQ(probed.packets("video"), 150);
  EXPECT_EQ(probed.packets("audio"), 250);
  EXPECT_NEAR(test::packet_times(converted.file("S").file, "a:0").front(), 61 * 60, 0.1);
}

TEST(UpstreamConverter, AnUnknownRidByteFailsNothing) {
  RTPX_NEEDS_CAPTURE(recording, "edge/simul_missing");
  const test::RecordingCopy copy(recording);
  int records = 0;
  copy.change("2.rtpx", [&](std::string& record) {
    if (++records % 100 == 0) record[0] = 77;
    return true;
  });
  const Converted converted(copy.path());
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  EXPECT_TRUE(converted.result->files.contains("S_q") && converted.result->files.contains("S_h"));
  EXPECT_TRUE(converted.notes_say("of a rid that the manifest does not name"));
}

TEST(UpstreamConverter, ARecordingThatStartsInMidGroupBeginsAtAKeyframeAndKeepsItsOffset) {
  const TempDir folder;
  const test::SyntheticCall call(folder / "call", 1, {}, 5);
  const test::RecordingCopy copy(folder / "call");
  int packets = 0;
  copy.change("video.rtpx", [&](std::string&) { return ++packets > 5; });  // the first keyframe and more
  const Converted converted(copy.path());
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  const auto& file = converted.file("call").file;
  EXPECT_NEAR(test::packet_times(file, "a:0").front(), 0, 0.010);
  EXPECT_NEAR(test::packet_times(file, "v:0").front(), 1.0, 0.030);  // a keyframe comes each second
  EXPECT_EQ(test::probe(file).packets("video"), 100);
  EXPECT_TRUE(converted.notes_say("starts with the first keyframe"));
}

TEST(UpstreamConverter, ATrackThatEndsEarlyCutsNoOther) {
  const TempDir folder;
  const test::SyntheticCall call(folder / "call", 1, {}, 10);
  const test::RecordingCopy copy(folder / "call");
  copy.move_arrivals("video.rtpx",
                     [](double ms) { return ms < -996'000 ? std::optional(ms) : std::nullopt; });
  const Converted converted(copy.path());
  ASSERT_TRUE(converted.result) << converted.result.error().message;
  EXPECT_EQ(test::probe(converted.file("call").file).packets("audio"), 500);
  EXPECT_EQ(converted.file("call").duration_seconds, 10);
}

TEST(UpstreamConverter, CancellingLeavesNothingBehind) {
  RTPX_NEEDS_CAPTURE(recording, "edge/late_audio");
  std::stop_source stop;
  ConvertOptions options;
  options.stop = stop.get_token();
  options.progress = [&](const ConvertProgress& progress) {
    if (progress.what == "write") stop.request_stop();
  };
  const Converted converted(recording, options);
  ASSERT_FALSE(converted.result);
  EXPECT_EQ(converted.result.error().code, Errc::cancelled);
  EXPECT_TRUE(std::filesystem::is_empty(converted.out.path()));
}

}  // namespace
}  // namespace rtpx
