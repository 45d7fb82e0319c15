// Calls that the server could not read: said, and never turned into noise. The truth is the sender's own
// (captures/e2ee/TRUTH.md: frames that an independent decryptor opened).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "convert/converted.hpp"
#include "convert/probe.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx::test {
namespace {

struct Call {
  const char* name;
  std::vector<std::uint64_t> frames;  ///< encrypted, of each track, sorted
  const char* format;
};
void PrintTo(const Call& of, std::ostream* out) {
  *out << of.name;
}

class Encrypted : public testing::TestWithParam<Call> {};

TEST_P(Encrypted, EveryFrameThatTheSenderEncryptedIsToldAndNoneIsWritten) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const auto recording = folder / GetParam().name / "recording";
  const auto report = inspect_recording(recording.string());
  ASSERT_TRUE(report);
  std::vector<std::uint64_t> frames;
  for (const TrackReport& track : report->tracks) {
    std::uint64_t count = 0;
    for (const ReportEncryption& span : track.encryption) {
      EXPECT_EQ(span.format, GetParam().format);
      EXPECT_THAT(span.key_indexes,
                  testing::ElementsAre(std::string(GetParam().format) == "medooze" ? 9 : 0));
      EXPECT_EQ(span.state, "no_key");
      count += span.frames;
    }
    frames.push_back(count);
    EXPECT_EQ(track.frames, 0U);
    EXPECT_TRUE(track.changes.empty());
  }
  std::ranges::sort(frames);
  EXPECT_EQ(frames, GetParam().frames);
  TempDir out;
  const auto result = convert(recording, {.output_path = out.path()});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::nothing_to_convert);
  EXPECT_THAT(result.error().message, testing::HasSubstr("end-to-end encrypted"));
}

INSTANTIATE_TEST_SUITE_P(
    Captures, Encrypted,
    testing::Values(Call{"lk_vp8", {281, 503}, "livekit"}, Call{"lk_h264", {291, 503}, "livekit"},
                    Call{"lk_vp9", {278, 505}, "livekit"}, Call{"lk_two_h264", {134, 249, 447}, "livekit"},
                    Call{"lk_ratchet_vp8", {228, 501}, "livekit"}, Call{"lk_red_vp8", {207, 405}, "livekit"},
                    Call{"jf_vp8", {241, 503}, "jitsi"}, Call{"sf_vp8", {192, 403}, "medooze"}),
    [](const auto& call) { return call.param.name; });

TEST(EncryptedInPart, WhatWasSentPlainIsWrittenAndTheRestIsToldWithItsTime) {
  RTPX_NEEDS_CAPTURE(folder, "e2ee");
  const auto recording = folder / "lk_toggle_vp8" / "recording";
  TempDir out;
  const auto result = convert(recording, {.output_path = out.path()});
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->files.size(), 1U);
  const auto probed = probe(result->files.begin()->second.location);
  EXPECT_EQ(probed.packets("video"), 94);  // TRUTH: sent plain
  const auto report = inspect_recording(recording.string());
  ASSERT_TRUE(report);
  for (const TrackReport& track : report->tracks)
    EXPECT_EQ(track.frames, track.kind == MediaKind::audio ? 339U : 94U);  // silence stands for the rest
  EXPECT_TRUE(result->lost_media);
}

}  // namespace
}  // namespace rtpx::test
