// Frames that show the last picture once more, put between the frames of real senders and decoded by two
// decoders of different makers.
#include "codec/hold_frame.hpp"

#include <gtest/gtest.h>

#include "codec/harness.hpp"

namespace rtpx::test {
namespace {

struct HoldCase {
  const char* name;
  const char* recording;
  const char* mime_type;
  int payload_type;
  const char* fourcc;
  std::vector<const char*> decoders;
  bool layers;  ///< temporal ones: pictures of the highest are in no reference buffer
};
void PrintTo(const HoldCase& of, std::ostream* out) {
  *out << of.name;
}

class HoldFrames : public testing::TestWithParam<HoldCase> {};

TEST_P(HoldFrames, ShowTheLastPictureAndChangeNothingForTheNext) {
  const HoldCase& of = GetParam();
  RTPX_NEEDS("ffmpeg");
  RTPX_NEEDS_CAPTURE(file, std::string("browser/") + of.recording + "/video_1.rtpx");
  Depacketized out(of.mime_type);
  out.push_all(MediaPackets(file, of.payload_type));
  ASSERT_GE(out.frames.size(), 60u);
  out.frames.resize(60);

  const auto hold = make_hold_frame(of.mime_type);
  const std::string delimiter = of.fourcc == std::string("AV01") ? text({0x12, 0}) : "";
  std::vector<std::string> sent, held;
  std::vector<std::pair<std::size_t, bool>>
      shown;  // of each frame of `held`: which of `sent`, and whether again
  for (const KeptFrame& frame : out.frames) {
    sent.push_back(delimiter + frame.bytes);
    held.push_back(sent.back());
    shown.push_back({sent.size() - 1, false});
    hold->follow(as_bytes(frame.bytes));
    for (int times = 0; times < 2; ++times) {
      const Bytes again = hold->frame();
      if (again.empty()) continue;
      held.push_back(delimiter + std::string(as_text(again)));
      shown.push_back({sent.size() - 1, true});
    }
  }
  EXPECT_GT(held.size(), 2 * sent.size());
  const TempDir folder;
  write_file(folder / "sent.ivf", ivf_of(of.fourcc, sent));
  write_file(folder / "held.ivf", ivf_of(of.fourcc, held));
  for (const std::string decoder : of.decoders) {
    const auto before = picture_hashes(folder, "sent.ivf", "-c:v " + decoder);
    const auto after = picture_hashes(folder, "held.ivf", "-c:v " + decoder);
    ASSERT_EQ(before.size(), sent.size()) << decoder;
    ASSERT_EQ(after.size(), held.size()) << decoder;
    for (std::size_t i = 0; i < held.size(); ++i) {
      const auto [frame, again] = shown[i];
      const bool one_before = again && of.layers && frame > 0 && after[i] == before[frame - 1];
      ASSERT_TRUE(after[i] == before[frame] || one_before) << decoder << ", frame " << frame;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Browsers, HoldFrames,
    testing::Values(
        HoldCase{"Vp8", "vp8_opus", "video/VP8", 96, "VP80", {"vp8", "libvpx"}, false},
        HoldCase{"Vp8TemporalLayers", "vp8_simulcast3", "video/VP8", 96, "VP80", {"vp8", "libvpx"}, true},
        HoldCase{"Vp9", "vp9_opus", "video/VP9", 98, "VP90", {"vp9", "libvpx-vp9"}, false},
        HoldCase{"Vp9Svc", "vp9svc_opus", "video/VP9", 98, "VP90", {"vp9", "libvpx-vp9"}, true},
        HoldCase{"Av1", "av1_opus", "video/AV1", 45, "AV01", {"libdav1d", "libaom-av1"}, false},
        HoldCase{
            "Av1Firefox", "firefox_av1_opus", "video/AV1", 99, "AV01", {"libdav1d", "libaom-av1"}, false}),
    [](const auto& of) { return std::string(of.param.name); });

}  // namespace
}  // namespace rtpx::test
