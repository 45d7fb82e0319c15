#include "codec/vp9.hpp"

#include <gmock/gmock.h>

#include "codec/harness.hpp"

namespace rtpx::test {
namespace {

// Uncompressed headers (VP9 specification section 6.2), profile 0: keyframe 320x180, error resilient; then
// inter frames that refresh slot 0 and take their size from slot 0.
const auto kKey = bytes({0x83, 0x49, 0x83, 0x42, 0x00, 0x13, 0xF0, 0x0B, 0x30, 0xAA});
const auto kInter = bytes({0x87, 0x01, 0x00, 0x08, 0xBB});
const auto kUnused = bytes({0x87, 0x00, 0x00, 0x08, 0xCC});  // refresh_frame_flags 0

struct Layer {
  int picture_id = 0;
  int tid = 0, sid = 0;
  bool inter_layer = false;
  std::vector<int> differences{};  // flexible mode
  bool begin = true, end = true;
};
std::vector<std::byte> flexible(const Layer& l) {
  auto out = bytes(
      {0x80 | (l.differences.empty() ? 0 : 0x40) | 0x20 | 0x10 | (l.begin ? 8 : 0) | (l.end ? 4 : 0),
       0x80 | l.picture_id >> 8, l.picture_id & 0xFF, l.tid << 5 | l.sid << 1 | (l.inter_layer ? 1 : 0)});
  for (std::size_t i = 0; i < l.differences.size(); ++i)
    out.push_back(static_cast<std::byte>(l.differences[i] << 1 | (i + 1 < l.differences.size() ? 1 : 0)));
  return out;
}
std::vector<std::byte> non_flexible(int picture_id, int tid, int tl0picidx, bool inter, bool up = false) {
  return bytes({0xA0 | (inter ? 0x40 : 0) | 0x0C, 0x80 | picture_id >> 8, picture_id & 0xFF,
                tid << 5 | (up ? 0x10 : 0), tl0picidx});
}

TEST(Vp9Descriptor, ReadsFlexibleModeWithReferences) {
  const auto d = parse_vp9_descriptor(bytes({
      0xFD,  // I P L F B E - Z
      0x92,
      0x34,  // M=1, picture id 0x1234
      0x57,  // TID 2, U=1, SID 3, D=1
      0x03,
      0x05,
      0x08,  // P_DIFF 1 N, 2 N, 4
      0x86,
  }));
  ASSERT_TRUE(d);
  EXPECT_TRUE(d->flexible && d->inter_picture && d->begins_layer && d->ends_layer && d->not_for_upper_layers);
  EXPECT_EQ(d->picture_id, 0x1234);
  EXPECT_EQ(d->temporal_layer, 2);
  EXPECT_EQ(d->spatial_layer, 3);
  EXPECT_TRUE(d->switching_up && d->inter_layer);
  EXPECT_EQ(d->difference_count, 3);
  EXPECT_THAT(d->differences, testing::ElementsAre(1, 2, 4));
  EXPECT_FALSE(d->tl0picidx);
  EXPECT_EQ(d->size, 7u);
}

TEST(Vp9Descriptor, ReadsAScalabilityStructure) {
  const auto d = parse_vp9_descriptor(bytes({
      0x8A,  // I, B, V
      0x11,  // 7-bit picture id
      0x38,  // N_S=1 (two layers), Y=1, G=1
      0x01,
      0x40,
      0x00,
      0xB4,  // 320x180
      0x02,
      0x80,
      0x01,
      0x68,  // 640x360
      0x02,  // N_G
      0x04,
      0x01,  // TID 0, R=1, P_DIFF 1
      0x28,
      0x01,
      0x02,  // TID 1, R=2
      0x82,
  }));
  ASSERT_TRUE(d);
  EXPECT_TRUE(d->has_structure);
  EXPECT_EQ(d->picture_id, 0x11);
  EXPECT_EQ(d->size, 17u);
}

TEST(Vp9Descriptor, EveryPrefixIsTruncated) {
  const auto full = bytes({0xBA, 0x81, 0x2C, 0x10, 0x18, 0x01, 0x40, 0x00, 0xB4, 0x01, 0x04, 0x01, 0x82});
  ASSERT_TRUE(parse_vp9_descriptor(full));
  for (std::size_t n = 0; n < full.size(); ++n) EXPECT_FALSE(parse_vp9_descriptor(Bytes(full).first(n))) << n;
}

TEST(Vp9Descriptor, AFourthReferenceIsMalformed) {
  EXPECT_FALSE(parse_vp9_descriptor(bytes({0xD8, 0x01, 0x03, 0x05, 0x07, 0x08, 0x86})));
}

TEST(Vp9Header, ReadsSizeAndColour) {
  const auto header = parse_vp9_header(kKey);
  ASSERT_TRUE(header && header->size);
  EXPECT_TRUE(header->keyframe && header->shown);
  EXPECT_EQ(header->size->width, 320);
  EXPECT_EQ(header->size->height, 180);
  EXPECT_FALSE(parse_vp9_header(bytes({0x10})));
  const auto inter = parse_vp9_header(kInter);
  ASSERT_TRUE(inter);
  EXPECT_EQ(inter->refreshes, 1);
  EXPECT_FALSE(inter->size);
}

TEST(Vp9Depacketizer, OneLayerGivesItsFramesAsTheyAre) {
  Depacketized vp9("video/VP9");
  vp9.packet(0, false, bytes({0x88, 0x01}) + kKey);  // B
  vp9.packet(0, true, bytes({0x84, 0x01, 0x77}));    // E
  vp9.packet(3000, true, bytes({0xCC, 0x02}) + kUnused);
  ASSERT_EQ(vp9.frames.size(), 2u);
  EXPECT_EQ(vp9.frames[0].bytes, text(kKey + bytes({0x77})));
  EXPECT_EQ(vp9.frames[0].kind, FrameKind::key);
  EXPECT_TRUE(vp9.frames[1].discardable);
  EXPECT_EQ(vp9.config().width, 320);
  // version 1, profile 0, level 1.1 (57600 pixels), 8 bits 4:2:0 colocated, colour unspecified
  EXPECT_EQ(text(vp9.config().codec_private), text({1, 0, 0, 0, 0, 11, 0x82, 2, 2, 2, 0, 0}));
}

TEST(Vp9Depacketizer, FullSvcGivesSuperframes) {
  Depacketized vp9("video/VP9");
  vp9.packet(0, false, flexible({.picture_id = 1}) + kKey);
  vp9.packet(0, true, flexible({.picture_id = 1, .sid = 1, .inter_layer = true}) + kInter);
  ASSERT_EQ(vp9.frames.size(), 1u);
  // Superframe index: two frames, sizes of four bytes.
  EXPECT_EQ(vp9.frames[0].bytes, text(kKey) + text(kInter) + text({0xD9, 10, 0, 0, 0, 5, 0, 0, 0, 0xD9}));
  EXPECT_EQ(vp9.frames[0].spatial_layer, 1);
}

TEST(Vp9Depacketizer, KSvcGivesTheTopLayerAloneBetweenKeyframes) {
  Depacketized vp9("video/VP9");
  vp9.packet(0, false, flexible({.picture_id = 1}) + kKey);
  vp9.packet(0, true, flexible({.picture_id = 1, .sid = 1, .inter_layer = true}) + kInter);
  vp9.packet(3000, false, flexible({.picture_id = 2, .differences = {1}}) + kUnused);
  vp9.packet(3000, true, flexible({.picture_id = 2, .sid = 1, .differences = {1}}) + kInter);
  ASSERT_EQ(vp9.frames.size(), 2u);
  EXPECT_EQ(vp9.frames[1].bytes, text(kInter));
  EXPECT_FALSE(vp9.frames[1].reference_lost);
}

TEST(Vp9Depacketizer, AKSvcStreamThatFallsToALowerLayerHasLostItsReference) {
  Depacketized vp9("video/VP9");
  vp9.packet(0, false, flexible({.picture_id = 1}) + kKey);
  vp9.packet(0, true, flexible({.picture_id = 1, .sid = 1, .inter_layer = true}) + kInter);
  vp9.packet(3000, false, flexible({.picture_id = 2, .differences = {1}}) + kInter);
  vp9.packet(3000, true, flexible({.picture_id = 2, .sid = 1, .differences = {1}}) + kInter);
  vp9.packet(6000, true,
             flexible({.picture_id = 3, .differences = {1}}) + kInter);  // refers to what was left out
  ASSERT_EQ(vp9.frames.size(), 3u);
  EXPECT_TRUE(vp9.frames[2].reference_lost);
}

TEST(Vp9Depacketizer, LeavesOutLayersOnDemand) {
  Depacketized vp9("video/VP9", {.max_spatial_layer = 0, .max_temporal_layer = 0});
  vp9.packet(0, false, flexible({.picture_id = 1}) + kKey);
  vp9.packet(0, true, flexible({.picture_id = 1, .sid = 1, .inter_layer = true}) + kInter);
  vp9.packet(3000, true, flexible({.picture_id = 2, .tid = 1, .differences = {1}}) + kUnused);
  vp9.packet(6000, true, flexible({.picture_id = 3, .differences = {2}}) + kInter);
  ASSERT_EQ(vp9.frames.size(), 2u);
  EXPECT_EQ(vp9.frames[0].bytes, text(kKey));
  EXPECT_EQ(vp9.dropped_as(Dropped::Reason::layer), 1u);
  EXPECT_EQ(vp9.lost_references(), 0u);
}

TEST(Vp9Depacketizer, FlexibleReferencesTellExactlyWhatIsDamaged) {
  Depacketized vp9("video/VP9");
  vp9.packet(0, true, flexible({.picture_id = 1}) + kKey);
  vp9.packet(6000, true, flexible({.picture_id = 3, .differences = {2}}) + kInter, 1);  // picture 2 is lost
  vp9.packet(9000, true, flexible({.picture_id = 4, .differences = {1, 2}}) + kInter);
  vp9.packet(12000, true, flexible({.picture_id = 5, .differences = {1}}) + kInter);
  vp9.packet(15000, true, flexible({.picture_id = 6, .differences = {3}}) + kInter);
  std::vector<bool> lost;
  for (const auto& frame : vp9.frames) lost.push_back(frame.reference_lost);
  EXPECT_THAT(lost, testing::ElementsAre(false, false, true, true, false));
}

TEST(Vp9Depacketizer, NonFlexibleLayersAreToldByTl0picidx) {
  Depacketized vp9("video/VP9");
  vp9.packet(0, true, non_flexible(1, 0, 1, false) + kKey);
  vp9.packet(6000, true, non_flexible(3, 0, 2, true) + kInter, 1);  // picture 2, of layer 1, is lost
  vp9.packet(9000, true, non_flexible(4, 1, 2, true) + kInter);
  vp9.packet(12000, true, non_flexible(5, 0, 3, true, true) + kInter);  // U: layer 1 starts afresh
  vp9.packet(15000, true, non_flexible(6, 1, 3, true) + kInter);
  std::vector<bool> lost;
  for (const auto& frame : vp9.frames) lost.push_back(frame.reference_lost);
  EXPECT_THAT(lost, testing::ElementsAre(false, false, true, false, false));
}

// Chromium's L3T3_KEY. A superframe's index tells its frames' sizes; only the last of them may be shown.
TEST(Vp9Depacketizer, SuperframesShowOnePicture) {
  RTPX_NEEDS_CAPTURE(file, "browser/vp9svc_opus/video_1.rtpx");
  Depacketized vp9("video/VP9");
  vp9.push_all(MediaPackets(file, 98));
  std::size_t superframes = 0;
  for (const auto& frame : vp9.frames) {
    const Bytes bytes = as_bytes(frame.bytes);
    const auto marker = static_cast<unsigned>(bytes.back());
    if (marker >> 3 != 0x1B) continue;  // 110, sizes of four bytes
    ++superframes;
    const unsigned frames = (marker & 7) + 1;
    std::size_t at = 0;
    for (unsigned i = 0; i < frames; ++i) {
      const auto size = __builtin_bswap32(
          load_be<std::uint32_t>(bytes.data() + bytes.size() - 1 - 4 * static_cast<std::size_t>(frames - i)));
      const auto header = parse_vp9_header(bytes.subspan(at, size));
      ASSERT_TRUE(header);
      EXPECT_EQ(header->shown, i + 1 == frames);
      EXPECT_FALSE(header->intra_only);
      at += size;
    }
    EXPECT_EQ(at + 2 + 4 * static_cast<std::size_t>(frames), bytes.size());
  }
  EXPECT_EQ(superframes, 1u);
}

TEST(Vp9Depacketizer, AMissingLayerLosesThePicture) {
  Depacketized vp9("video/VP9");
  vp9.packet(0, false, flexible({.picture_id = 1}) + kKey);
  vp9.packet(0, true, flexible({.picture_id = 1, .sid = 2, .inter_layer = true}) + kInter, 1);
  EXPECT_TRUE(vp9.frames.empty());
  EXPECT_EQ(vp9.dropped_as(Dropped::Reason::incomplete), 1u);
}

}  // namespace
}  // namespace rtpx::test
