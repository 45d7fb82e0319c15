#include "codec/vp8.hpp"

#include <gmock/gmock.h>

#include "codec/harness.hpp"

namespace rtpx::test {
namespace {

// RFC 6386 section 9.1: frame tag (bit 0 clear: keyframe; bit 4: shown), start code, 14 bits of width and
// height.
const auto kKey = bytes({0x10, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01, 0xAA});  // 640x480
const auto kDelta = bytes({0x11, 0x00, 0x00, 0xBB});

// Descriptor with X, I (15 bits), L and T: what Chromium sends with temporal layers.
std::vector<std::byte> layered(int picture_id, int tl0picidx, int tid, bool sync, bool non_reference,
                               bool start = true) {
  return bytes({0x80 | (non_reference ? 0x20 : 0) | (start ? 0x10 : 0), 0xE0, 0x80 | picture_id >> 8,
                picture_id & 0xFF, tl0picidx, tid << 6 | (sync ? 0x20 : 0)});
}
std::vector<std::byte> numbered(int picture_id, bool start = true) {
  return bytes({0x80 | (start ? 0x10 : 0), 0x80, 0x80 | picture_id >> 8, picture_id & 0xFF});
}

TEST(Vp8Descriptor, ReadsEveryField) {
  const auto d = parse_vp8_descriptor(bytes({
      0xB3,        // X=1 N=1 S=1 PID=3
      0xF0,        // I=1 L=1 T=1 K=1
      0x92, 0x34,  // M=1 PictureID=0x1234
      0x2C,        // TL0PICIDX
      0xA5,        // TID=2 Y=1 KEYIDX=5
      0xFF,        // the frame
  }));
  ASSERT_TRUE(d);
  EXPECT_TRUE(d->non_reference);
  EXPECT_TRUE(d->starts_partition);
  EXPECT_EQ(d->partition, 3);
  EXPECT_EQ(d->picture_id, 0x1234);
  EXPECT_EQ(d->tl0picidx, 0x2C);
  EXPECT_EQ(d->temporal_layer, 2);
  EXPECT_TRUE(d->layer_sync);
  EXPECT_EQ(d->size, 6u);
}

// One full-size descriptor cut at every length: each prefix fails the same way.
TEST(Vp8Descriptor, EveryPrefixOfALongDescriptorIsTruncated) {
  const auto full = bytes({0x90, 0xF0, 0x81, 0x2C, 0x07, 0x60, 0x01});
  for (std::size_t n = 0; n + 1 <= full.size() - 1; ++n)
    EXPECT_FALSE(parse_vp8_descriptor(Bytes(full).first(n + 0))) << n;
  EXPECT_FALSE(parse_vp8_descriptor(Bytes(full).first(full.size() - 1)));
  EXPECT_TRUE(parse_vp8_descriptor(full));
}

// RFC 7741 section 4.5.1: a key frame in one packet, PictureID = 17.
TEST(Vp8Descriptor, ReadsTheRfcExampleOfAKeyFrame) {
  const auto d = parse_vp8_descriptor(bytes({0x90, 0x80, 0x11, 0x00}));
  ASSERT_TRUE(d);
  EXPECT_EQ(d->picture_id, 17);
  EXPECT_FALSE(d->long_picture_id);
  EXPECT_TRUE(d->starts_partition);
  EXPECT_EQ(d->size, 3u);
}

// RFC 7741 section 4.5.4: VP8 frame fragmented across RTP packets, with the partition index going up.
TEST(Vp8Depacketizer, PutsPartitionsOfSeveralPacketsTogether) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, false, bytes({0x90, 0x80, 0x11}) + kKey);       // S=1 PID=0
  vp8.packet(0, false, bytes({0x81, 0x80, 0x11, 0x01, 0x02}));  // S=0 PID=1
  vp8.packet(0, true, bytes({0x91, 0x80, 0x11, 0x03}));         // S=1 PID=1
  ASSERT_EQ(vp8.frames.size(), 1u);
  EXPECT_EQ(vp8.frames[0].bytes, text(kKey + bytes({1, 2, 3})));
  EXPECT_EQ(vp8.frames[0].kind, FrameKind::key);
  EXPECT_EQ(vp8.frames[0].first_sequence, 1000);
  EXPECT_EQ(vp8.frames[0].last_sequence, 1002);
  EXPECT_FALSE(vp8.frames[0].parameters_changed);
  EXPECT_EQ(vp8.config().width, 640);
  EXPECT_EQ(vp8.config().height, 480);
}

TEST(Vp8Depacketizer, WaitsForAKeyframeAndSaysSo) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, true, numbered(1) + kDelta);
  vp8.packet(3000, true, numbered(2) + kKey);
  vp8.packet(6000, true, numbered(3) + kDelta);
  EXPECT_EQ(vp8.frames.size(), 2u);
  ASSERT_EQ(vp8.dropped.size(), 1u);
  EXPECT_EQ(vp8.dropped[0].reason, Dropped::Reason::before_keyframe);
  EXPECT_EQ(vp8.dropped[0].timestamp, 0);
}

TEST(Vp8Depacketizer, AFrameWithoutMarkerEndsWithTheNextTimestamp) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, false, numbered(1) + kKey);
  vp8.packet(3000, false, numbered(2) + kDelta);
  vp8.packet(6000, false, numbered(3) + kDelta);
  EXPECT_EQ(vp8.frames.size(), 2u);
  vp8.flush();  // this sender sets no markers, so the last frame is as whole as the others
  EXPECT_EQ(vp8.frames.size(), 3u);
  EXPECT_TRUE(vp8.dropped.empty());
}

TEST(Vp8Depacketizer, AMissingPacketLosesItsFrameAndMarksWhatFollows) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, true, numbered(1) + kKey);
  vp8.packet(3000, false, numbered(2) + kDelta);
  vp8.packet(3000, true, numbered(2, false) + bytes({1}), 1);
  vp8.packet(6000, true, numbered(3) + kDelta);
  vp8.packet(9000, true, numbered(4) + kKey);
  vp8.packet(12000, true, numbered(5) + kDelta);
  ASSERT_EQ(vp8.frames.size(), 4u);
  ASSERT_EQ(vp8.dropped.size(), 1u);
  EXPECT_EQ(vp8.dropped[0].reason, Dropped::Reason::incomplete);
  EXPECT_EQ(vp8.dropped[0].first_sequence, 1001);
  EXPECT_EQ(vp8.dropped[0].last_sequence, 1003);
  EXPECT_FALSE(vp8.frames[0].reference_lost);
  EXPECT_TRUE(vp8.frames[1].reference_lost);
  EXPECT_FALSE(vp8.frames[2].reference_lost);
  EXPECT_FALSE(vp8.frames[3].reference_lost);
}

TEST(Vp8Depacketizer, ALostMarkerPacketLosesItsFrame) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, true, numbered(1) + kKey);
  vp8.packet(3000, false, numbered(2) + kDelta);
  vp8.packet(6000, true, numbered(3) + kDelta, 1);
  EXPECT_EQ(vp8.frames.size(), 2u);
  EXPECT_EQ(vp8.dropped_as(Dropped::Reason::incomplete), 1u);
  EXPECT_EQ(vp8.lost_references(), 1u);
}

TEST(Vp8Depacketizer, LostPaddingDamagesNothing) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, true, numbered(0x7FFF) + kKey);
  vp8.packet(0, false, {});                         // padding-only packets count as received
  vp8.packet(3000, true, numbered(0) + kDelta, 3);  // picture id goes on over its wrap
  EXPECT_EQ(vp8.frames.size(), 2u);
  EXPECT_EQ(vp8.lost_references(), 0u);
  EXPECT_TRUE(vp8.dropped.empty());
}

TEST(Vp8Depacketizer, APaddingPacketInsideAFrameIsNoGap) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, false, numbered(1) + kKey);
  vp8.packet(0, false, {});
  vp8.packet(0, true, numbered(1, false) + bytes({7}));
  ASSERT_EQ(vp8.frames.size(), 1u);
  EXPECT_EQ(vp8.frames[0].bytes, text(kKey + bytes({7})));
}

TEST(Vp8Depacketizer, WithoutPictureIdsAnyGapMarksWhatFollows) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, true, bytes({0x10}) + kKey);
  vp8.packet(3000, true, bytes({0x10}) + kDelta, 1);
  vp8.packet(6000, true, bytes({0x10}) + kDelta);
  EXPECT_EQ(vp8.lost_references(), 2u);
}

TEST(Vp8Depacketizer, ALostFrameThatNobodyRefersToDamagesNothing) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, true, layered(1, 1, 0, false, false) + kKey);
  vp8.packet(3000, false, layered(2, 1, 1, true, true) + kDelta);  // N=1
  vp8.packet(6000, true, layered(3, 2, 0, false, false) + kDelta, 1);
  EXPECT_EQ(vp8.frames.size(), 2u);
  EXPECT_EQ(vp8.lost_references(), 0u);
}

TEST(Vp8Depacketizer, ALostHigherTemporalLayerDoesNotDamageLowerOnes) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, true, layered(1, 1, 0, false, false) + kKey);
  // Picture 2, of layer 1, is lost whole.
  vp8.packet(6000, true, layered(3, 2, 0, false, false) + kDelta, 1);
  vp8.packet(9000, true, layered(4, 2, 1, false, false) + kDelta);  // may refer to picture 2
  vp8.packet(12000, true, layered(5, 3, 0, false, false) + kDelta);
  vp8.packet(15000, true, layered(6, 3, 1, true, false) + kDelta);  // Y=1: refers to layer 0 only
  vp8.packet(18000, true, layered(7, 3, 1, false, false) + kDelta);
  ASSERT_EQ(vp8.frames.size(), 6u);
  std::vector<bool> lost;
  for (const auto& frame : vp8.frames) lost.push_back(frame.reference_lost);
  EXPECT_THAT(lost, testing::ElementsAre(false, false, true, false, false, false));
}

TEST(Vp8Depacketizer, ALostBaseLayerFrameDamagesAllUntilAKeyframe) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, true, layered(1, 1, 0, false, false) + kKey);
  vp8.packet(6000, true, layered(3, 2, 1, true, false) + kDelta, 1);  // picture 2 advanced TL0PICIDX
  vp8.packet(9000, true, layered(4, 3, 0, false, false) + kDelta);
  EXPECT_EQ(vp8.lost_references(), 2u);
}

TEST(Vp8Depacketizer, LeavesOutTemporalLayersOnDemand) {
  Depacketized vp8("video/VP8", {.max_temporal_layer = 0});
  vp8.packet(0, true, layered(1, 1, 0, false, false) + kKey);
  vp8.packet(3000, true, layered(2, 1, 1, true, true) + kDelta);
  vp8.packet(6000, true, layered(3, 2, 0, false, false) + kDelta);
  EXPECT_EQ(vp8.frames.size(), 2u);
  EXPECT_EQ(vp8.dropped_as(Dropped::Reason::layer), 1u);
  EXPECT_EQ(vp8.lost_references(), 0u);
}

TEST(Vp8Depacketizer, AResolutionChangeIsTold) {
  auto small = kKey;
  small[6] = std::byte{0x40};
  small[7] = std::byte{0x01};  // 320x480
  Depacketized vp8("video/VP8");
  vp8.packet(0, true, numbered(1) + kKey);
  vp8.packet(3000, true, numbered(2) + kKey);
  vp8.packet(6000, true, numbered(3) + small);
  ASSERT_EQ(vp8.frames.size(), 3u);
  EXPECT_FALSE(vp8.frames[1].parameters_changed);
  EXPECT_TRUE(vp8.frames[2].parameters_changed);
  EXPECT_EQ(vp8.frames[2].config.width, 320);
}

TEST(Vp8Depacketizer, TwoFramesOfOneTimestampAreTwoFrames) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, false, numbered(1) + kKey);
  vp8.packet(0, true, numbered(2) + kDelta);
  EXPECT_EQ(vp8.frames.size(), 2u);
}

TEST(Vp8Depacketizer, AFrameBeyondTheLimitIsDroppedAndOneAtTheLimitIsNot) {
  Depacketized at("video/VP8", {.max_unit_bytes = kKey.size()});
  at.packet(0, true, numbered(1) + kKey);
  EXPECT_EQ(at.frames.size(), 1u);
  Depacketized beyond("video/VP8", {.max_unit_bytes = kKey.size() - 1});
  beyond.packet(0, true, numbered(1) + kKey);
  EXPECT_EQ(beyond.frames.size(), 0u);
  EXPECT_EQ(beyond.dropped_as(Dropped::Reason::malformed), 1u);
}

TEST(Vp8Depacketizer, AfterAFlushThePictureIdTellsWhetherAnythingIsMissing) {
  Depacketized vp8("video/VP8");
  vp8.packet(0, true, numbered(300) + kKey);
  vp8.flush();
  vp8.sequence = 5;
  vp8.packet(3000, true, numbered(301) + kDelta);
  vp8.flush();
  vp8.packet(6000, true, numbered(900) + kDelta);
  ASSERT_EQ(vp8.frames.size(), 3u);
  EXPECT_FALSE(vp8.frames[1].reference_lost);
  EXPECT_TRUE(vp8.frames[2].reference_lost);
}

}  // namespace
}  // namespace rtpx::test
