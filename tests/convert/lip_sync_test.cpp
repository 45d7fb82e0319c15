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

/// Median of beep minus flash, ms, in the converted recording, of the flashes after `from` seconds.
double beep_minus_flash(const std::filesystem::path& recording, double from = 0, std::size_t fewest = 15) {
  const test::TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  const auto result = convert(recording.string(), options);
  if (!result) return NAN;
  const auto& file = result->files.begin()->second.file;
  const auto flashes = test::flash_times(file), beeps = test::beep_times(file);
  std::vector<double> offsets;
  for (const double flash : flashes) {
    if (flash < from) continue;
    double nearest = INFINITY;
    for (const double beep : beeps)
      if (std::abs(beep - flash) < std::abs(nearest)) nearest = beep - flash;
    if (std::abs(nearest) < 0.45) offsets.push_back(nearest * 1000);
  }
  if (offsets.size() < fewest) return NAN;
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

// As replaceTrack(null) leaves it: for 5 s no sound is sent, then numbers and RTP time go on as if nothing
// had been; the first sender report that tells comes 3.5 s later.
TEST(LipSync, SoundAfterAPauseThatFrozeItsClockIsWhereItBelongs) {
  RTPX_NEEDS_CAPTURE(recording, kRecording);
  const test::RecordingCopy copy(recording);
  constexpr std::int64_t kPauseMs = 8000, kGoesOnMs = 13'000, kReportMs = 16'500;
  std::optional<std::int64_t> first;
  std::uint16_t last_number = 0, fewer = 0;
  std::uint32_t last_time = 0, ticks = 0;
  const auto since_first = [&](const std::string& record) {
    const auto ms = load_record_header(as_bytes(record).data()).receive_time_ms;
    if (!first) first = ms;
    return ms - *first;
  };
  copy.change("audio_0.rtpx", [&](std::string& record) {
    auto* packet = reinterpret_cast<std::byte*>(record.data()) + RecordHeader::kBytes;
    const auto number = load_be<std::uint16_t>(packet + 2);
    const auto time = load_be<std::uint32_t>(packet + 4);
    const std::int64_t at = since_first(record);
    if (at < kPauseMs) last_number = number, last_time = time;
    if (at >= kPauseMs && at < kGoesOnMs) return false;
    if (at >= kGoesOnMs && ticks == 0) fewer = number - last_number - 1, ticks = time - last_time - 960;
    store_be(packet + 2, static_cast<std::uint16_t>(number - fewer));
    store_be(packet + 4, time - ticks);
    return true;
  });
  ASSERT_NEAR(static_cast<double>(ticks) / 48'000, 5, 0.1);
  copy.change("audio_0.rtcpx", [&](std::string& record) {
    auto* report = reinterpret_cast<std::byte*>(record.data()) + RecordHeader::kBytes;
    const std::int64_t at = since_first(record);
    if (at >= kPauseMs && at < kReportMs) return false;
    if (at >= kReportMs && report[1] == std::byte{200})
      store_be(report + 16, load_be<std::uint32_t>(report + 16) - ticks);
    return true;
  });
  EXPECT_NEAR(beep_minus_flash(copy.path(), 13.5, 8), kTruthMs, 20);
}

/// Where the beeps of a recording of captures/field lie after its first picture, s.
std::vector<double> beeps_of(const std::filesystem::path& recording, double from) {
  const test::TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  const auto result = convert(recording.string(), options);
  if (!result) return {};
  const auto& file = result->files.begin()->second.file;
  std::vector<double> beeps = test::beep_times(file);
  std::erase_if(beeps, [&](double beep) { return beep < from; });
  return beeps;
}

// Chromium: replaceTrack(null) for 5 s, and the call ends before a report tells of it. A beep each second.
TEST(LipSync, SoundAfterAPauseIsRightThoughNoReportTells) {
  RTPX_NEEDS_CAPTURE(recording, "field/c_rep_trunc");
  const auto beeps = beeps_of(recording, 9);
  ASSERT_EQ(beeps.size(), 3U);
  constexpr double kFirstPicture = 0.018;
  EXPECT_NEAR(beeps[0] - kFirstPicture, 9.64, 0.03);
  EXPECT_NEAR(beeps[1] - kFirstPicture, 10.64, 0.03);
  EXPECT_NEAR(beeps[2] - kFirstPicture, 11.65, 0.03);
}

}  // namespace
}  // namespace rtpx
