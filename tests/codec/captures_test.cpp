// Whole recordings of real senders through the depacketizers. Frame counts were counted by another program (a Python
// reader of complete units), sizes and decoded pictures by ffprobe; keyframes and lost references are our own output,
// written down to notice changes.
#include <gmock/gmock.h>

#include <algorithm>

#include "codec/harness.hpp"

namespace rtpx::test {
namespace {

struct Expected {
  const char* file;
  const char* mime_type;
  int payload_type;
  std::size_t frames, keyframes;
  int width, height;  // of the last frame
  std::size_t incomplete = 0, before_keyframe = 0, lost_references = 0, changes = 0;
  int rid = 0;
};

std::ostream& operator<<(std::ostream& out, const Expected& e) {
  return out << e.file << " rid " << e.rid;
}

class Recording : public testing::TestWithParam<Expected> {};

TEST_P(Recording, GivesEveryCompleteFrame) {
  const Expected& e = GetParam();
  RTPX_NEEDS_CAPTURE(file, e.file);
  Depacketized out(Codec{.payload_type = 96, .mime_type = e.mime_type, .clock_rate = 90000});
  out.push_all(MediaPackets(file, e.payload_type, 0, e.rid));
  out.flush();
  EXPECT_EQ(out.frames.size(), e.frames);
  EXPECT_EQ(out.keyframes(), e.keyframes);
  EXPECT_EQ(out.dropped_as(Dropped::Reason::incomplete), e.incomplete);
  EXPECT_EQ(out.dropped_as(Dropped::Reason::before_keyframe), e.before_keyframe);
  EXPECT_EQ(out.dropped_as(Dropped::Reason::malformed), 0u);
  EXPECT_EQ(out.lost_references(), e.lost_references);
  EXPECT_EQ(std::ranges::count(out.frames, true, &KeptFrame::parameters_changed),
            static_cast<std::ptrdiff_t>(e.changes));
  EXPECT_EQ(out.config().width, e.width);
  EXPECT_EQ(out.config().height, e.height);
}

INSTANTIATE_TEST_SUITE_P(
    Vp8, Recording,
    testing::Values(
        Expected{"browser/vp8_opus/video_1.rtpx", "video/VP8", 96, 554, 2, 640, 480},
        Expected{"browser/vp8_opus_flashbeep/video_1.rtpx", "video/VP8", 96, 681, 2, 640, 480},
        Expected{"browser/vp8_g722_absct/video_1.rtpx", "video/VP8", 96, 399, 4, 640, 480, 0, 0, 0, 2},
        Expected{"browser/vp8_opusred/video_1.rtpx", "video/VP8", 96, 495, 4, 640, 480, 0, 0, 0, 2},
        Expected{"browser/vp8_opus_reschange/video_1.rtpx", "video/VP8", 96, 361, 5, 1280, 720, 0, 0, 0, 3},
        Expected{"browser/firefox_vp8_opus/video_1.rtpx", "video/VP8", 120, 598, 4, 640, 480, 0, 0, 0, 2},
        Expected{"browser/vp8_simulcast3/video_1.rtpx", "video/VP8", 96, 593, 3, 320, 180, 0, 0, 0, 0, 0},
        Expected{"browser/vp8_simulcast3/video_1.rtpx", "video/VP8", 96, 591, 2, 640, 360, 0, 0, 0, 0, 1},
        Expected{"browser/vp8_simulcast3/video_1.rtpx", "video/VP8", 96, 590, 1, 1280, 720, 0, 0, 0, 0, 2},
        // Without what RTX and FEC would heal:
        Expected{"browser/vp8_opus_lossy_audionack/video_1.rtpx", "video/VP8", 96, 433, 2, 640, 480, 63, 0,
                 409},
        Expected{"browser/vp8_flexfec_lossy/video_1.rtpx", "video/VP8", 96, 397, 1, 640, 480, 82, 0, 394},
        Expected{"public/webrtc-sdk-webrtc/vp8.rtpdump", "video/VP8", 125, 120, 1, 640, 480}));

INSTANTIATE_TEST_SUITE_P(
    H264, Recording,
    testing::Values(Expected{"browser/h264_opus/video_1.rtpx", "video/H264", 102, 588, 2, 640, 480},
                    Expected{"browser/h264_pcmu/video_1.rtpx", "video/H264", 102, 288, 4, 640, 480, 0, 0, 0,
                             2},
                    Expected{"edge/h264/2.rtpx", "video/H264", 102, 150, 1, 640, 360},
                    // B-pictures, a delimiter in each access unit
                    Expected{"public/membraneframework-membrane_rtp_plugin/demo_rtp.pcap", "video/H264", 96,
                             142, 1, 320, 240},
                    Expected{"public/membraneframework-membrane_rtp_plugin/h264_before_sr.pcap", "video/H264",
                             96, 70, 1, 320, 240, 2},
                    Expected{"public/membraneframework-membrane_rtp_plugin/srtp.decrypted.rtpdump",
                             "video/H264", 96, 798, 4, 320, 240},
                    Expected{"public/smelter-labs-smelter-snapshot-tests/8_colors_input_video.rtp",
                             "video/H264", 96, 480, 2, 640, 360}));

INSTANTIATE_TEST_SUITE_P(H265, Recording,
                         testing::Values(Expected{"public/realjimmy-sample-captures/1920x1080_H.265.pcapng",
                                                  "video/H265", 96, 193, 7, 1920, 1080, 1}));

INSTANTIATE_TEST_SUITE_P(Vp9, Recording,
                         testing::Values(Expected{"browser/vp9_opus/video_1.rtpx", "video/VP9", 98, 571, 4,
                                                  640, 480, 0, 0, 0, 2},
                                         // K-SVC: 320x180 alone for two pictures, then three layers
                                         Expected{"browser/vp9svc_opus/video_1.rtpx", "video/VP9", 98, 401, 2,
                                                  1280, 720, 0, 0, 0, 1},
                                         // No keyframe anywhere: nothing is decodable
                                         Expected{"public/algesten-str0m/contiguous_vp9.pcap", "video/VP9",
                                                  98, 0, 0, 0, 0, 1, 15}));

INSTANTIATE_TEST_SUITE_P(
    Av1, Recording,
    testing::Values(
        // Both of Chromium's end inside a temporal unit
        Expected{"browser/av1_opus/video_1.rtpx", "video/AV1", 45, 599, 4, 640, 480, 1, 0, 0, 2},
        Expected{"public/algesten-str0m/av1.pcap", "video/AV1", 45, 44, 1, 640, 480, 1},
        Expected{"browser/firefox_av1_opus/video_1.rtpx", "video/AV1", 99, 362, 2, 640, 480}));

std::vector<std::string> frames_of(const char* mime_type, const MediaPackets& packets) {
  Depacketized out(mime_type);
  out.push_all(packets);
  std::vector<std::string> frames;
  for (const auto& frame : out.frames) frames.push_back(frame.bytes);
  return frames;
}

TEST(RecordingTwin, Vp8FramesEqualTheSendersOwn) {
  RTPX_NEEDS_CAPTURE(folder, "public/membraneframework-membrane_rtp_vp8_plugin");
  EXPECT_EQ(frames_of("video/VP8", MediaPackets(folder / "input_vp8.pcap", 96)),
            read_ivf(folder / "input_vp8.ivf"));
}

TEST(RecordingTwin, Vp9FramesEqualTheSendersOwn) {
  RTPX_NEEDS_CAPTURE(folder, "public/membraneframework-membrane_rtp_vp9_plugin");
  EXPECT_EQ(frames_of("video/VP9", MediaPackets(folder / "input_vp9.pcap", 96)),
            read_ivf(folder / "input_vp9.ivf"));
}

}  // namespace
}  // namespace rtpx::test
