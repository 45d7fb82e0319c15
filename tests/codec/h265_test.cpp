#include "codec/h265.hpp"

#include "codec/h265_payload.hpp"
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

// A slice of a picture of this order: first_slice_segment_in_pic_flag, PPS 0, P (slice_type 1), 8 bits of
// slice_pic_order_cnt_lsb.
std::vector<std::byte> picture(int poc) {
  return bytes({kTrailR << 1, 1, 0xD0 | poc >> 5, (poc & 0x1F) << 3 | 5, 0x55});
}
// A recovery point SEI message; recovery_poc_cnt 3 is se(v) 00110, 0 is 1.
const auto kRecoversIn3 = bytes({39 << 1, 1, 6, 1, 0x34, 0x80}), kRecovers = bytes({39 << 1, 1, 6, 1, 0xC0, 0x80});

// Gradual refresh (recovery_poc_cnt > 0) is where decoders begin when nothing came before, and no keyframe later.
TEST(H265, WhereNothingCameBeforeGradualRefreshBegins) {
  Depacketized h265("video/H265");
  h265.packet(0, true, picture(7));
  ASSERT_EQ(h265.frames.size(), 0U);
  for (const int poc : {8, 9}) {
    h265.packet(static_cast<std::uint32_t>(poc) * 3000, false, ap({kVps, kSps, kPps, kRecoversIn3}));
    h265.packet(static_cast<std::uint32_t>(poc) * 3000, true, picture(poc));
  }
  ASSERT_EQ(h265.frames.size(), 2U);
  EXPECT_EQ(h265.frames[0].kind, FrameKind::key);
  EXPECT_FALSE(h265.frames[0].reference_lost);
  EXPECT_EQ(h265.frames[1].kind, FrameKind::delta);
}

TEST(H265, ARecoveryPointThatNeedsNothingIsAKeyframe) {
  Depacketized h265("video/H265");
  h265.packet(0, true, ap({kVps, kSps, kPps, slice(kIdr)}));
  h265.packet(3000, true, ap({kRecovers, picture(1)}));
  ASSERT_EQ(h265.frames.size(), 2U);
  EXPECT_EQ(h265.frames[1].kind, FrameKind::key);
}

// Section D.3.8: with the third picture after the recovery point all is whole again, also where the order's lowest bits
// begin anew.
TEST(H265, GradualRefreshMendsWhatALossDamaged) {
  for (const int first : {20, 253}) {
    Depacketized h265("video/H265");
    h265.packet(0, true, ap({kVps, kSps, kPps, slice(kIdr)}));
    h265.packet(6000, true, picture(first), 1);
    ASSERT_EQ(h265.frames.size(), 2U);
    ASSERT_TRUE(h265.frames[1].reference_lost);
    for (int i = 1; i <= 5; ++i) {
      const auto time = static_cast<std::uint32_t>(6000 + i * 3000);
      if (i == 1) h265.packet(time, false, kRecoversIn3);
      h265.packet(time, true, picture((first + i) % 256));
    }
    std::vector<bool> damaged;
    for (const auto& frame : h265.frames) damaged.push_back(frame.reference_lost);
    EXPECT_EQ(damaged, (std::vector<bool>{false, true, true, true, true, false, false})) << first;
  }
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

const Codec kWithOrders{.payload_type = 98,
                        .mime_type = "video/H265",
                        .clock_rate = 90'000,
                        .sdp_fmtp_line = "98 sprop-max-don-diff=2"};

/// `nal` behind a PACI header that carries it (RFC 7798 figure 9), with extensions of `extra` bytes.
std::vector<std::byte> paci(const std::vector<std::byte>& payload, int extra = 0) {
  const int type = static_cast<int>(payload[0]) >> 1 & 0x3F;
  const int fields = type << 9 | extra << 4;
  auto out = bytes({50 << 1, static_cast<int>(payload[1]), fields >> 8, fields & 0xFF});
  out.resize(out.size() + static_cast<std::size_t>(extra), std::byte{0xEE});
  out.insert(out.end(), payload.begin() + 2, payload.end());
  return out;
}

// RFC 7798 figures 4, 6 and 8: DONL behind the payload header, DOND before further units of an aggregate,
// DONL in first fragments only.
TEST(H265, DecodingOrderNumbersAreReadOver) {
  Depacketized h265(kWithOrders);
  auto aggregate = bytes({48 << 1, 1, 0xFF, 0xFE});
  for (const auto& nal : {kVps, kSps, kPps}) {
    if (aggregate.size() > 4) aggregate.push_back(std::byte{0});
    aggregate = aggregate + bytes({0, static_cast<int>(nal.size())}) + nal;
  }
  h265.packet(0, false, aggregate);
  h265.packet(0, false, bytes({49 << 1, 1, 0x80 | kIdr, 0x00, 0x01, 0xA8}));
  h265.packet(0, false, bytes({49 << 1, 1, kIdr, 0x11}));
  h265.packet(0, true, bytes({49 << 1, 1, 0x40 | kIdr, 0x22}));
  h265.packet(3000, true, bytes({kTrailR << 1, 1, 0x00, 0x02, 0xA8, kTrailR}));
  ASSERT_EQ(h265.frames.size(), 2u);
  EXPECT_EQ(h265.frames[0].bytes, sample({bytes({kIdr << 1, 1, 0xA8, 0x11, 0x22})}));
  EXPECT_EQ(h265.frames[1].bytes, sample({slice(kTrailR)}));
  EXPECT_TRUE(h265.dropped.empty());
}

TEST(H265, APaciIsUnwrappedWhateverItCarries) {
  Depacketized h265("video/H265");
  h265.packet(0, false, paci(ap({kVps, kSps, kPps}), 3));
  h265.packet(0, false, paci(bytes({49 << 1, 1, 0x80 | kIdr, 0xA8}), 1));
  h265.packet(0, true, paci(bytes({49 << 1, 1, 0x40 | kIdr, 0x22})));
  h265.packet(3000, true, paci(slice(kTrailR, 2), 31));
  ASSERT_EQ(h265.frames.size(), 2u);
  EXPECT_EQ(h265.frames[0].bytes, sample({bytes({kIdr << 1, 1, 0xA8, 0x22})}));
  EXPECT_EQ(h265.frames[1].bytes, sample({slice(kTrailR, 2)}));
  EXPECT_EQ(h265.frames[1].temporal_layer, 2);
}

TEST(H265, APaciOrAnOrderNumberThatIsCutIsMalformed) {
  std::vector<std::byte> buffer;
  const auto whole = paci(slice(kIdr), 4);
  for (std::size_t n = 0; n < 8; ++n)
    EXPECT_FALSE(plain_h265_payload(Bytes(whole).first(n), false, buffer)) << n;
  EXPECT_TRUE(plain_h265_payload(whole, false, buffer));
  EXPECT_FALSE(plain_h265_payload(paci(paci(slice(kIdr))), false, buffer));
  EXPECT_FALSE(plain_h265_payload(bytes({kIdr << 1, 1, 0}), true, buffer));
  EXPECT_FALSE(plain_h265_payload(bytes({49 << 1, 1, 0x80 | kIdr, 0}), true, buffer));
  EXPECT_FALSE(plain_h265_payload(bytes({48 << 1, 1, 0, 0, 0, 9, 1}), true, buffer));
}

TEST(H265, MarkersWithinPicturesDoNotEndThem) {
  Depacketized h265("video/H265", {.markers_within_pictures = true});
  const auto second = bytes({kTrailR << 1, 1, 0x28, 0x55});  // first_slice_segment_in_pic_flag is 0
  h265.packet(0, true, ap({kVps, kSps, kPps}));
  h265.packet(0, true, slice(kIdr));
  h265.packet(3000, true, slice(kTrailR));
  h265.packet(3000, true, second);
  h265.packet(3000, true, slice(kTrailR));  // another picture of the same time
  h265.flush();
  ASSERT_EQ(h265.frames.size(), 3u);
  EXPECT_EQ(h265.frames[1].bytes, sample({slice(kTrailR), second}));
  EXPECT_TRUE(h265.dropped.empty());
}

}  // namespace
}  // namespace rtpx::test
