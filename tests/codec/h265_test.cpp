#include "codec/h265.hpp"

#include "codec/harness.hpp"

namespace rtpx::test {
namespace {

// Parameter sets of a 64x64 stream of x265 (Main).
const auto kVps = bytes({0x40, 0x01, 0x0C, 0x01, 0xFF, 0xFF, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00,
                         0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x1E, 0x95, 0x98, 0x09});
const auto kSps = bytes({0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
                         0x00, 0x03, 0x00, 0x1E, 0xA0, 0x20, 0x81, 0x05, 0x96, 0x56, 0x69, 0x24, 0xCA, 0xF0,
                         0x10, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x01, 0xE0, 0x80});
const auto kPps = bytes({0x44, 0x01, 0xC1, 0x72, 0xB4, 0x22, 0x40});

// NAL unit header: type in bits 1..6 of the first byte, TID+1 in the second. first_slice_segment_in_pic_flag
// is 1.
std::vector<std::byte> slice(int type, int tid = 0) {
  return bytes({type << 1, tid + 1, 0xA8, type});
}
constexpr int kTrailN = 0, kTrailR = 1, kRasl = 9, kIdr = 19, kCra = 21;

std::vector<std::byte> ap(std::initializer_list<std::vector<std::byte>> nals) {  // RFC 7798 figure 6
  auto out = bytes({48 << 1, 1});
  for (const auto& nal : nals) out = out + bytes({0, static_cast<int>(nal.size())}) + nal;
  return out;
}

TEST(H265, PutsAggregatesAndFragmentsTogether) {
  Depacketized h265("video/H265");
  h265.packet(0, false, ap({kVps, kSps, kPps}));
  h265.packet(0, false, bytes({49 << 1, 1, 0x80 | kIdr, 0xA8}));  // FU, S
  h265.packet(0, false, bytes({49 << 1, 1, kIdr, 0x11}));
  h265.packet(0, true, bytes({49 << 1, 1, 0x40 | kIdr, 0x22}));  // FU, E
  h265.packet(3000, true, slice(kTrailN));
  ASSERT_EQ(h265.frames.size(), 2u);
  EXPECT_EQ(h265.frames[0].bytes, sample({bytes({kIdr << 1, 1, 0xA8, 0x11, 0x22})}));
  EXPECT_EQ(h265.frames[0].kind, FrameKind::key);
  EXPECT_EQ(h265.frames[1].bytes, sample({slice(kTrailN)}));
  EXPECT_TRUE(h265.frames[1].discardable);
  EXPECT_EQ(h265.config().width, 64);
  EXPECT_EQ(h265.config().height, 64);
  const std::string hvcc = text(h265.config().codec_private);
  EXPECT_EQ(hvcc.substr(0, 13), text({1, 0x01, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x1E}));
  EXPECT_EQ(hvcc.substr(22, 6), text({3, 0x80 | 32, 0, 1, 0, static_cast<int>(kVps.size())}));
}

TEST(H265, SetsFromTheSdpServeAStreamWithoutAny) {
  Depacketized h265(Codec{.payload_type = 98,
                          .mime_type = "video/H265",
                          .sdp_fmtp_line =
                              "98 sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwAelZgJ;"
                              "sprop-sps=QgEBAWAAAAMAkAAAAwAAAwAeoCCBBZZWaSTK8BAQAAADABAAAAMB4IA=;"
                              "sprop-pps=RAHBcrQiQA=="});
  h265.packet(0, true, slice(kIdr));
  ASSERT_EQ(h265.frames.size(), 1u);
  EXPECT_EQ(h265.config().width, 64);
}

TEST(H265, LeadingPicturesOfTheFirstKeyframeAreSkipped) {
  Depacketized h265("video/H265");
  h265.packet(0, true, ap({kVps, kSps, kPps, slice(kCra)}));
  h265.packet(1000, true, slice(kRasl));
  h265.packet(6000, true, slice(kTrailR));
  h265.packet(9000, true, slice(kCra));
  h265.packet(8000, true, slice(kRasl));  // its references are there now
  EXPECT_EQ(h265.frames.size(), 4u);
  EXPECT_EQ(h265.dropped_as(Dropped::Reason::before_keyframe), 1u);
  EXPECT_EQ(h265.lost_references(), 0u);
}

TEST(H265, AfterALossLeadingPicturesAreDamaged) {
  Depacketized h265("video/H265");
  h265.packet(0, true, ap({kVps, kSps, kPps, slice(kCra)}));
  h265.packet(6000, true, ap({kVps, kSps, kPps, slice(kCra)}), 1);
  h265.packet(5000, true, slice(kRasl));
  h265.packet(9000, true, slice(kTrailR));
  ASSERT_EQ(h265.frames.size(), 4u);
  EXPECT_FALSE(h265.frames[1].reference_lost);
  EXPECT_TRUE(h265.frames[2].reference_lost);
  EXPECT_FALSE(h265.frames[3].reference_lost);
}

TEST(H265, LossesLastUntilTheNextKeyframe) {
  Depacketized h265("video/H265");
  h265.packet(0, true, ap({kVps, kSps, kPps, slice(kIdr)}));
  h265.packet(3000, true, slice(kTrailR), 1);
  h265.packet(6000, true, slice(kTrailR));
  EXPECT_EQ(h265.lost_references(), 2u);
}

TEST(H265, LeavesOutTemporalLayersAndOtherLayers) {
  Depacketized h265("video/H265", {.max_temporal_layer = 0});
  const auto other_layer = bytes({kTrailR << 1, 0x09, 0xA8, 1});  // nuh_layer_id 1
  h265.packet(0, true, ap({kVps, kSps, kPps, slice(kIdr), other_layer}));
  h265.packet(3000, true, slice(kTrailN, 1));
  ASSERT_EQ(h265.frames.size(), 1u);
  EXPECT_EQ(h265.frames[0].bytes, sample({slice(kIdr)}));
  EXPECT_EQ(h265.dropped_as(Dropped::Reason::layer), 1u);
}

TEST(H265, EveryPrefixOfAnSpsIsRefusedOrRead) {
  ASSERT_TRUE(parse_h265_sps(kSps));
  for (std::size_t n = 0; n < 22; ++n) EXPECT_FALSE(parse_h265_sps(Bytes(kSps).first(n))) << n;
}

}  // namespace
}  // namespace rtpx::test
