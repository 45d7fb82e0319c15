// Flash and beep of a real Chromium sender, measured in the converted file: a canvas turns white and a tone
// starts at every whole second of one clock. On the sender's clock the beep comes 12 ms before the flash
// (median of 24).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "convert/probe.hpp"
#include "convert/recording_copy.hpp"
#include "rtpx/converter.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

constexpr double kTruthMs = -12;
constexpr const char* kRecording = "browser/vp8_opus_flashbeep";

/// Median of beep minus flash, ms, in the converted recording.
double beep_minus_flash(const std::filesystem::path& recording) {
  const test::TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  const auto result = convert(recording.string(), options);
  if (!result) return NAN;
  const auto& file = result->files.begin()->second.file;
  const auto flashes = test::flash_times(file), beeps = test::beep_times(file);
  std::vector<double> offsets;
  for (const double flash : flashes) {
    double nearest = INFINITY;
    for (const double beep : beeps)
      if (std::abs(beep - flash) < std::abs(nearest)) nearest = beep - flash;
    if (std::abs(nearest) < 0.45) offsets.push_back(nearest * 1000);
  }
  if (offsets.size() < 15) return NAN;
  std::ranges::nth_element(offsets, offsets.begin() + static_cast<std::ptrdiff_t>(offsets.size() / 2));
  return offsets[offsets.size() / 2];
}

TEST(LipSync, SenderReportsGiveItWithin20Ms) {
  RTPX_NEEDS_CAPTURE(recording, kRecording);
  EXPECT_NEAR(beep_minus_flash(recording), kTruthMs, 20);
}

TEST(LipSync, ArrivalAloneGivesItWithin40Ms) {
  RTPX_NEEDS_CAPTURE(recording, kRecording);
  const test::RecordingCopy copy(recording);
  for (const char* file : {"audio_0.rtcpx", "video_1.rtcpx"}) copy.remove(file);
  EXPECT_NEAR(beep_minus_flash(copy.path()), kTruthMs, 40);
}

TEST(LipSync, JitterADelayAndALossDoNotMoveItWhereThereAreReports) {
  RTPX_NEEDS_CAPTURE(recording, kRecording);
  const test::RecordingCopy copy(recording);
  std::mt19937 random(3);
  std::uniform_real_distribution<double> jitter(0, 300);
  copy.move_arrivals("video_1.rtpx", [&](double ms) { return ms + 3000 + jitter(random); });
  std::optional<double> first;
  copy.move_arrivals("audio_0.rtpx", [&](double ms) -> std::optional<double> {
    if (!first) first = ms;
    if (ms - *first > 8000 && ms - *first < 13'000) return std::nullopt;
    return ms + jitter(random);
  });
  EXPECT_NEAR(beep_minus_flash(copy.path()), kTruthMs, 20);
}

TEST(LipSync, JitterDoesNotMoveItMuchWithoutReports) {
  RTPX_NEEDS_CAPTURE(recording, kRecording);
  const test::RecordingCopy copy(recording);
  for (const char* file : {"audio_0.rtcpx", "video_1.rtcpx"}) copy.remove(file);
  std::mt19937 random(4);
  std::exponential_distribution<double> jitter(1.0 / 15);
  for (const char* file : {"video_1.rtpx", "audio_0.rtpx"})
    copy.move_arrivals(file, [&](double ms) { return ms + std::min(jitter(random), 200.0); });
  EXPECT_NEAR(beep_minus_flash(copy.path()), kTruthMs, 40);
}

}  // namespace
}  // namespace rtpx
