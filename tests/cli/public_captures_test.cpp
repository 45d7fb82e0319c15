// Captures that others published, from the capture file to a file that plays. The counts are those of
// complete frames, counted by other programs (a Python reader of the packets, which had its frames decoded).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/captures.hpp"
#include "support/run_command.hpp"

namespace rtpx::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Case {
  const char* capture;
  std::vector<std::string> types;  ///< --map
  int video, audio;                ///< frames
  int status = 0;                  ///< of convert: 1 with losses
};

std::string told(const std::vector<std::string>& command) {
  const auto run = run_program(command);
  return run.out + run.err;
}

/// Packets of a kind of stream that ffprobe counts in a file.
int frames(const std::string& file, const std::string& kind) {
  int count = 0;
  std::istringstream lines(told({"ffprobe", "-v", "error", "-count_packets", "-select_streams", kind,
                                 "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", file}));
  for (std::string line; std::getline(lines, line);) count += std::atoi(line.c_str());
  return count;
}

/// Imports and converts into `folder`.
ProgramResult convert_capture(const TempDir& folder, const std::filesystem::path& capture,
                              const std::vector<std::string>& types,
                              const std::vector<std::string>& options = {}) {
  std::vector<std::string> import{"import", capture, "-o", folder / "recording"};
  for (const std::string& type : types) import.insert(import.end(), {"--map", type});
  const auto imported = rtpx(import);
  if (imported.status > 1) return imported;
  std::vector<std::string> convert{"convert", folder / "recording", "-o", folder / "files", "--json"};
  convert.insert(convert.end(), options.begin(), options.end());
  return rtpx(convert);
}

const std::vector<Case> kPlays{
    {"membraneframework-membrane_rtp_vp8_plugin/input_vp8.pcap", {}, 300, 0},
    {"membraneframework-membrane_rtp_vp9_plugin/input_vp9.pcap", {}, 300, 0},
    {"algesten-str0m/av1.pcap", {}, 44, 0, 1},                               // ends in a cut unit
    {"membraneframework-membrane_rtp_plugin/demo_rtp.pcap", {}, 142, 0, 1},  // its MPEG audio is left out
    {"membraneframework-membrane_rtp_plugin/h264_before_sr.pcap", {"96=H264/90000"}, 70, 0, 1},
    {"membraneframework-membrane_rtp_plugin/srtp.decrypted.rtpdump", {}, 798, 0, 1},  // the same
    {"smelter-labs-smelter-snapshot-tests/8_colors_input_video_audio.rtp", {"97=opus/48000/2"}, 480, 801},
    {"smelter-labs-smelter-snapshot-tests/variable_frequency_opus_audio.rtp", {}, 0, 1001},
    {"realjimmy-sample-captures/1920x1080_H.265.pcapng", {}, 193, 0, 1},
    {"GStreamer-gstreamer/h264.rtp", {}, 1, 0},
    {"GStreamer-gstreamer/h265.rtp", {}, 1, 0},
    {"webrtc-sdk-webrtc/vp8.rtpdump", {}, 120, 0},
    {"shinyoshiaki-werift-webrtc/vp8_dump_0_33.rtpdump", {}, 31, 0},
    {"asterisk-testsuite/16_bit_48khz_60_fec_rtp.pcapng", {}, 0, 3000},
    {"realjimmy-sample-captures/sip-rtp-opus.pcap", {}, 0, 425},
    {"asterisk-testsuite/40msalaw.pcap", {}, 0, 826},
    {"asterisk-testsuite/CARRIER_G711U.pcap", {}, 0, 800, 1},
    {"realjimmy-sample-captures/sip-rtp-g711.pcap", {}, 0, 414 + 425},
    {"realjimmy-sample-captures/sip-rtp-g722.pcap", {}, 0, 425},
    {"webrtc-sdk-webrtc/stereo_pcmu_vad_jitter.rtp", {"125=PCMU/8000/2", "13=CN/8000"}, 0, 1780, 1},
};
void PrintTo(const Case& of, std::ostream* out) {
  *out << of.capture;
}

class PublicCapture : public testing::TestWithParam<Case> {};

TEST_P(PublicCapture, ConvertsToItsCompleteFrames) {
  const Case& expected = GetParam();
  RTPX_NEEDS_CAPTURE(capture, std::string("public/") + expected.capture);
  const TempDir folder;
  const auto run = convert_capture(folder, capture, expected.types, {"--gaps", "keep"});
  ASSERT_EQ(run.status, expected.status) << run.err;
  int video = 0, audio = 0;
  const json files = json::parse(run.out);
  for (const json& file : files) {
    const auto path = file["location"].get<std::string>();
    video += frames(path, "v");
    audio += frames(path, "a");
    EXPECT_EQ(run_program({"ffmpeg", "-nostdin", "-v", "error", "-i", path, "-f", "hash", "-"}).err, "");
  }
  EXPECT_EQ(video, expected.video);
  EXPECT_EQ(audio, expected.audio);
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.capture;
  name = name.substr(name.find('/') + 1);
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(, PublicCapture, testing::ValuesIn(kPlays), name_of);

TEST(PublicCaptureTwin, FramesEqualTheSendersOwnFileByteForByte) {
  for (const std::string name : {"vp8", "vp9"}) {
    RTPX_NEEDS_CAPTURE(senders, "public/membraneframework-membrane_rtp_" + name + "_plugin");
    const TempDir folder;
    const auto run = convert_capture(folder, senders / ("input_" + name + ".pcap"), {}, {"--format", "ivf"});
    ASSERT_EQ(run.status, 0) << run.err;
    const auto ours = json::parse(run.out).begin().value()["location"].get<std::string>();
    const auto bytes = [](const std::string& file) {
      return told({"ffmpeg", "-nostdin", "-v", "error", "-i", file, "-c", "copy", "-f", "streamhash", "-"}) +
             told({"ffprobe", "-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0", file});
    };
    EXPECT_EQ(bytes(ours), bytes(senders / ("input_" + name + ".ivf"))) << name;
  }
}

struct Refused {
  const char* capture;
  std::vector<std::string> types;
  const char* why;
};

TEST(PublicCaptureWithoutAnythingToDecode, IsStatusThreeAndSaysWhy) {
  const std::vector<Refused> cases{
      {"algesten-str0m/contiguous_vp9.pcap", {}, "payload of type 98 is none that can be recognised"},
      {"algesten-str0m/contiguous_vp9.pcap", {"98=VP9/90000"}, "holds no keyframe"},
      {"algesten-str0m/h266.pcap", {"96=H266/90000"}, "video/H266 (payload type 96) is not supported"},
      {"realjimmy-sample-captures/h263-over-rtp.pcap", {}, "video/H263 (payload type 34) is not supported"},
      {"sippy-rtpproxy/weird.o.rtp", {}, "audio/G729 (payload type 18) is not supported"},
      {"SIPp-sipp/dtmf_2833_0.pcap", {"101=telephone-event/8000"}, "holds no media packets"},
  };
  for (const Refused& refused : cases) {
    RTPX_NEEDS_CAPTURE(capture, std::string("public/") + refused.capture);
    const TempDir folder;
    const auto run = convert_capture(folder, capture, refused.types);
    EXPECT_EQ(run.status, 3) << refused.capture;
    EXPECT_THAT(run.err, HasSubstr(refused.why));
    EXPECT_TRUE(!std::filesystem::exists(folder / "files") || std::filesystem::is_empty(folder / "files"));
  }
}

TEST(PublicCaptureOfAPhone, DigitsAreKeptOutOfTheSoundAndListed) {
  RTPX_NEEDS_CAPTURE(capture, "public/asterisk-testsuite/ulaw-2013785496.pcap");
  const TempDir folder;
  const auto run = convert_capture(folder, capture, {"101=telephone-event/8000"}, {"--gaps", "keep"});
  ASSERT_EQ(run.status, 0) << run.err;
  const auto file = json::parse(run.out).begin().value();
  EXPECT_EQ(frames(file["location"], "a"), 854);
  const auto track = json::parse(read_file(file["report_location"].get<std::string>()))["tracks"][0];
  std::string digits;
  double last_ms = -1;
  for (const auto& digit : track["digits"]) {
    digits += digit["digit"].get<std::string>();
    EXPECT_GT(digit["time_ms"].get<double>(), last_ms);
    last_ms = digit["time_ms"];
  }
  EXPECT_EQ(digits, "2013785496");
}

}  // namespace
}  // namespace rtpx::test
