// Every recording of a browser converts into a file that holds exactly the complete frames of the recording.
// The counts were made by tools of others (Python, over the packets), before this converter was run.

#include <gtest/gtest.h>

#include "convert/probe.hpp"
#include "rtpx/converter.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

struct Expected {
  const char* recording;
  const char* output;
  int video, audio;
  bool lossy = false;  ///< something stays lost
};
void PrintTo(const Expected& of, std::ostream* out) {
  *out << of.recording;
}

class EveryRecording : public ::testing::TestWithParam<Expected> {};

TEST_P(EveryRecording, ConvertsToExactlyItsCompleteFrames) {
  const Expected& expected = GetParam();
  RTPX_NEEDS_CAPTURE(recording, expected.recording);
  test::TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  options.gaps = GapPolicy::keep;
  const auto result = convert(recording.string(), options);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_TRUE(result->files.contains(expected.output)) << serialize_result(*result);
  const ConvertedFile& file = result->files.at(expected.output);
  const auto probed = test::probe(file.file);
  EXPECT_EQ(probed.packets("video"), expected.video);
  EXPECT_EQ(probed.packets("audio"), expected.audio);
  EXPECT_NEAR(probed.duration_seconds, static_cast<double>(file.duration_ms) / 1000, 0.05);
  EXPECT_EQ(result->lost_media, expected.lossy);
  EXPECT_EQ(test::decode_errors(file.file), "");
  EXPECT_EQ(test::mkvmerge_warnings(file.file), "");
}

constexpr Expected kRecordings[] = {
    {"browser/firefox_vp8_opus", "{7fdae288-e63a-4d51-b647-43de9bd83502}", 598, 999},
    {"browser/vp8_flexfec_lossy", "9654e3c7-a3b3-42f0-a860-f04b33620d2d", 480, 1143,
     true},  // audio has no repair
    {"browser/vp8_opus", "bd1e48b2-2b37-42cc-b67d-1abb63023272", 554, 1518},
    {"browser/vp8_opus_flashbeep", "4bbed4d6-508e-45d8-b803-828ae534c94a", 681, 1252},
    {"browser/vp8_opus_lossy_audionack", "790d7196-b463-4d8b-a24d-585d17d325d1", 496, 1242},
    {"browser/vp8_opus_reschange", "7b7edb47-2940-47df-98d8-69a47bba0f7a", 361, 902},
    {"browser/vp8_opusred", "078506d8-46f1-49fc-b734-24bc499a7485", 495, 1255},
    {"browser/vp8_simulcast3", "543432bc-4130-4374-bc85-6fec90b2779d_q", 593, 1504},
    {"browser/vp8_simulcast3", "543432bc-4130-4374-bc85-6fec90b2779d_h", 591, 1504},
    {"browser/vp8_simulcast3", "543432bc-4130-4374-bc85-6fec90b2779d_f", 590, 1504},
    {"browser/vp8_g722_absct", "ffa975f1-8c7c-4c03-956d-8ff37806311f", 399, 1003},
    {"browser/av1_opus", "2d4dcc81-5dc8-49be-ac61-b892420e6892", 599, 1506, true},  // ends in a cut unit
    {"browser/firefox_av1_opus", "{4f6a6c46-4406-4bfb-85ed-5f7b74aae9d9}", 362, 601},
    {"browser/h264_opus", "45971d13-f70c-45d5-9d98-0308bf661ebd", 588, 1499},
    {"browser/h264_pcmu", "453a19cd-b308-4404-9764-225b5c090329", 288, 752},
    {"browser/vp9_opus", "e050272c-ea9e-42b4-aeed-76634b4b574d", 571, 1504},
    {"browser/vp9svc_opus", "fd136248-36d1-4102-9279-643560005ce3", 401, 1002},
    {"edge/dups", "S", 1800, 0},
    {"edge/ext1", "S", 150, 250},
    {"edge/late_audio", "S", 1800, 2250},
    {"edge/lipsync", "S", 600, 1000},
    {"edge/no_stream", "2", 150, 0},
    {"edge/simul_missing", "S_q", 150, 0},
    {"edge/simul_missing", "S_h", 150, 0},
    {"edge/ssrc_change_back", "S", 1800, 0},
    {"edge/traversal", "../../../../tmp/upstream_trav/evil", 60, 0},
    {"edge/truncated", "S", 149, 0, true},
    {"edge/empty", "S", 0, 3001},
    {"golden/small_head/20261122-123703", "6XNTAK4NXWQ4GZQC5EGK6DYF3JFQDTNV", 90, 150},
    {"golden/small_head/20261122-123703", "SIMULCAST7TQ4GZQC5EGK6DYF3JFQDTN_q", 90, 0},
    {"golden/small_head/20261122-123703", "SIMULCAST7TQ4GZQC5EGK6DYF3JFQDTN_h", 90, 0},
    {"golden/small_head/20261122-123703", "SIMULCAST7TQ4GZQC5EGK6DYF3JFQDTN_f", 45, 0},
    {"golden/small_030/20261122-123703", "6XNTAK4NXWQ4GZQC5EGK6DYF3JFQDTNV", 90, 150},
    {"golden/small_021/20261122-123703", "6XNTAK4NXWQ4GZQC5EGK6DYF3JFQDTNV", 90, 150},
};

std::string name_of(const ::testing::TestParamInfo<Expected>& info) {
  std::string name = info.param.recording;
  const std::string output = info.param.output;
  if (output.size() > 2 && output[output.size() - 2] == '_') name += output.substr(output.size() - 2);
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Captures, EveryRecording, ::testing::ValuesIn(kRecordings), name_of);

}  // namespace
}  // namespace rtpx
