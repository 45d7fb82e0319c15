#include <gtest/gtest.h>

#include "repair/repairer.hpp"

namespace rtpx {
namespace {

const std::vector<Codec> kChromium = {
    {.payload_type = 96, .mime_type = "video/VP8", .clock_rate = 90000},
    {.payload_type = 97, .mime_type = "video/rtx", .clock_rate = 90000, .sdp_fmtp_line = "97 apt=96"},
    {.payload_type = 118, .mime_type = "video/red", .clock_rate = 90000},
    {.payload_type = 119, .mime_type = "video/RTX", .clock_rate = 90000, .sdp_fmtp_line = "119 apt=118"},
    {.payload_type = 120, .mime_type = "video/ulpfec", .clock_rate = 90000},
    {.payload_type = 49, .mime_type = "video/flexfec-03", .clock_rate = 90000}};

TEST(PayloadTypes, TellsMediaFromRepair) {
  const PayloadTypes types(kChromium);
  EXPECT_EQ(types.role(96), PayloadRole::media);
  EXPECT_EQ(types.role(97), PayloadRole::rtx);
  EXPECT_EQ(types.role(118), PayloadRole::red);
  EXPECT_EQ(types.role(119), PayloadRole::rtx);
  EXPECT_EQ(types.role(120), PayloadRole::ulpfec);
  EXPECT_EQ(types.role(49), PayloadRole::flexfec);
  EXPECT_EQ(types.role(0), PayloadRole::unknown);
  EXPECT_EQ(types.codec(0), nullptr);
  EXPECT_EQ(types.codec(96)->mime_type, "video/VP8");
}

// RFC 2733, RFC 6015: nothing is given back by it, and it is no media.
TEST(PayloadTypes, FecThatIsNotUsedIsNoMedia) {
  const PayloadTypes types({{.payload_type = 96, .mime_type = "video/H264"},
                            {.payload_type = 97, .mime_type = "video/parityfec"},
                            {.payload_type = 98, .mime_type = "video/1d-interleaved-parityfec"}});
  EXPECT_EQ(types.role(97), PayloadRole::other_fec);
  EXPECT_EQ(types.role(98), PayloadRole::other_fec);
}

TEST(PayloadTypes, RtxNamesWhatItRepairs) {
  const PayloadTypes types(kChromium);
  EXPECT_EQ(types.repaired_type(97), 96);
  EXPECT_EQ(types.repaired_type(119), 118);
  EXPECT_EQ(types.repaired_type(96), std::nullopt);
}

TEST(PayloadTypes, RtxWithoutAptRepairsTheOnlyMediaType) {
  const PayloadTypes types(
      {{.payload_type = 96, .mime_type = "video/VP8"}, {.payload_type = 97, .mime_type = "video/rtx"}});
  EXPECT_EQ(types.repaired_type(97), 96);
  const PayloadTypes two({{.payload_type = 96, .mime_type = "video/VP8"},
                          {.payload_type = 98, .mime_type = "video/VP9"},
                          {.payload_type = 97, .mime_type = "video/rtx", .sdp_fmtp_line = "97 apt=300"}});
  EXPECT_EQ(two.repaired_type(97), std::nullopt);
}

}  // namespace
}  // namespace rtpx
