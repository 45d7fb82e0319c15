// A call that was paused for a while: what is written of it, when, and that nothing counts as lost.

extern "C" {
#include <libavformat/avformat.h>
}

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "convert/recording_copy.hpp"
#include "convert/synthetic_call.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/manifest.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

using testing::SizeIs;

constexpr std::int64_t kFromMs = 5'310, kToMs = 9'470, kPausedMs = kToMs - kFromMs;

struct Written {
  std::map<int, double> video, audio;                     // when it was made, and where it stands, ms
  std::vector<std::pair<double, std::string>> chapters;  // seconds, title
  double seconds = 0;
};

Written read_back(const std::filesystem::path& file) {
  Written out;
  AVFormatContext* input = nullptr;
  if (avformat_open_input(&input, file.c_str(), nullptr, nullptr) < 0) return out;
  AVPacket* packet = av_packet_alloc();
  for (unsigned i = 0; i < input->nb_chapters; ++i) {
    const auto* title = av_dict_get(input->chapters[i]->metadata, "title", nullptr, 0);
    out.chapters.emplace_back(
        static_cast<double>(input->chapters[i]->start) * av_q2d(input->chapters[i]->time_base),
        title != nullptr ? title->value : "");
  }
  while (av_read_frame(input, packet) >= 0) {
    const AVStream& stream = *input->streams[packet->stream_index];
    const bool video = stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
    const std::vector<unsigned char> data(packet->data, packet->data + packet->size);
    const double time =
        static_cast<double>(packet->pts) * av_q2d(stream.time_base) * 1000 + (video ? 0 : 6.5);
    if (data.size() > 1) (video ? out.video : out.audio)[test::made_ms(data, video)] = time;
    av_packet_unref(packet);
  }
  out.seconds = static_cast<double>(input->duration) / AV_TIME_BASE;
  av_packet_free(&packet);
  avformat_close_input(&input);
  return out;
}

class PausedCall : public testing::Test {
 protected:
  PausedCall() : call(folder.path(), 7, {}), copy(folder.path()) {}

  /// What a recorder that was paused would have written.
  void pause(bool whole_recording) {
    Manifest manifest = *read_manifest(copy.path());
    std::int64_t first = INT64_MAX;
    for (const auto& entry : std::filesystem::directory_iterator(copy.path()))
      if (entry.path().extension() == ".rtpx")
        first = std::min(first, load_record_header(as_bytes(test::read_file(entry.path())).data()).receive_time_ms);
    for (const auto& entry : std::filesystem::directory_iterator(copy.path())) {
      const auto ending = entry.path().extension();
      if (ending == ".rtpx" || ending == ".rtcpx")
        copy.move_arrivals(entry.path().filename(), [&](double ms) -> std::optional<double> {
          if (ms > static_cast<double>(first + kFromMs) && ms < static_cast<double>(first + kToMs)) return std::nullopt;
          return ms;
        });
    }
    const Pause span{first + kFromMs, first + kToMs};
    for (auto& [id, track] : manifest) track.pauses = {span};
    test::write_file(copy.path() / "manifest.json", serialize_manifest(manifest));
    RecordingInfo info;
    if (whole_recording) info.facts.pauses = {span};
    info.facts.marks = {{first + 2'000, "before"}, {first + 7'000, "meanwhile"}, {first + 12'000, "after"}};
    ASSERT_TRUE(write_recording_info(real_file_system(), copy.path(), info));
  }
  ConvertedFile convert_with(ConvertOptions options) {
    options.output_path = out.path();
    const auto result = convert(copy.path().string(), options);
    if (!result) throw std::runtime_error(result.error().message);
    EXPECT_FALSE(result->lost_media);
    for (const ConvertNote& note : result->notes)
      EXPECT_EQ(note.severity, ConvertNote::Severity::info) << note.message;
    return result->files.begin()->second;
  }
  /// How much later than it was made a frame stands, about: of those before and after the pause.
  static void expect_places(const std::map<int, double>& frames, double before, double after) {
    for (const auto& [made, time] : frames)
      EXPECT_NEAR(time - made, made < kFromMs ? before : after, 60) << made;
  }

  test::TempDir folder, out;
  test::SyntheticCall call;
  test::RecordingCopy copy;
};

TEST_F(PausedCall, KeepsThePauseAsAGapOrLeavesItOut) {
  pause(true);
  for (const Pauses pauses : {Pauses::keep, Pauses::cut}) {
    ConvertOptions options;
    options.pauses = pauses;
    options.gaps = GapPolicy::keep;
    const Written written = read_back(convert_with(options).file);
    const double moved = pauses == Pauses::cut ? -static_cast<double>(kPausedMs) : 0;
    expect_places(written.video, 0, moved);
    expect_places(written.audio, 0, moved);
    // All that arrived is there: sound at once, pictures from the next keyframe on (one a second).
    int sound_after = 0, first_picture = INT32_MAX;
    for (const auto& [made, time] : written.audio) sound_after += made >= kToMs ? 1 : 0;
    EXPECT_NEAR(sound_after, (20'000 - kToMs) / 20, 5);
    for (const auto& [made, time] : written.video)
      if (made > kFromMs) first_picture = std::min(first_picture, made);
    EXPECT_GE(first_picture, kToMs - 40);
    EXPECT_LE(first_picture, kToMs + 1'040);
    EXPECT_NEAR(written.seconds, 20 + moved / 1000, 0.2);
    ASSERT_THAT(written.chapters, SizeIs(3));
    EXPECT_NEAR(written.chapters[0].first, 2, 0.06);
    EXPECT_NEAR(written.chapters[1].first, pauses == Pauses::cut ? kFromMs / 1000.0 : 7, 0.06);
    EXPECT_NEAR(written.chapters[2].first, 12 + moved / 1000, 0.06);
    EXPECT_EQ(written.chapters[1].second, "meanwhile");
  }
}

TEST_F(PausedCall, WhatOnlySomeTracksLeftOutTakesItsTime) {
  pause(false);
  ConvertOptions options;
  options.pauses = Pauses::cut;
  const Written written = read_back(convert_with(options).file);
  expect_places(written.video, 0, 0);
}

TEST_F(PausedCall, MarksAreChaptersInEveryContainerThatHasThem) {
  pause(true);
  for (const Format format : {Format::webm, Format::mkv}) {
    ConvertOptions options;
    options.format = format;
    const ConvertedFile file = convert_with(options);
    const Written written = read_back(file.file);
    ASSERT_THAT(written.chapters, SizeIs(3));
    EXPECT_EQ(written.chapters[2].second, "after");
    ASSERT_THAT(file.chapters, SizeIs(3));
    EXPECT_NEAR(static_cast<double>(file.chapters[2].time_ms), written.chapters[2].first * 1000, 2);
  }
}

TEST(Pauses, WithoutThePausesInTheManifestTheSamePacketsAreLost) {
  const test::TempDir folder, out;
  const test::SyntheticCall call(folder.path(), 7, {});
  const test::RecordingCopy copy(folder.path());
  std::optional<double> first;
  for (const auto& entry : std::filesystem::directory_iterator(copy.path()))
    if (entry.path().extension() == ".rtpx")
      copy.move_arrivals(entry.path().filename(), [&](double ms) -> std::optional<double> {
        if (!first) first = ms;
        if (ms > *first + kFromMs && ms < *first + kToMs) return std::nullopt;
        return ms;
      });
  ConvertOptions options;
  options.output_path = out.path();
  const auto result = convert(copy.path().string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->lost_media);
}

}  // namespace
}  // namespace rtpx
