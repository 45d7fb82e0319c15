#include "codec/h264.hpp"

#include "codec/harness.hpp"
#include "codec/parameter_set_watch.hpp"
#include "codec/slice_marker_watch.hpp"

namespace rtpx::test {
namespace {

// The sets of a real Constrained Baseline encoder.
const auto kSps = bytes({0x67, 0x42, 0xC0, 0x1F, 0x8C, 0x8D, 0x40, 0x50, 0x1E, 0xD0, 0x0F, 0x08, 0x84, 0x6A});
const auto kPps = bytes({0x68, 0xCE, 0x3C, 0x80});
const auto kOtherPps = bytes({0x68, 0xCE, 0x3C, 0x90});
// Slice headers: first_mb_in_slice 0 is '1'; type 7 (I) '0001000'; PPS 0 '1'.
const auto kIdr = bytes({0x65, 0x88, 0x84, 0x11, 0x22, 0x33});
const auto kP = bytes({0x41, 0x9A, 0x11, 0x22});      // nal_ref_idc 2
const auto kB = bytes({0x01, 0x9E, 0x33});            // nal_ref_idc 0: nobody refers to it
const auto kSecondSlice = bytes({0x65, 0x04, 0x44});  // first_mb_in_slice > 0

std::vector<std::byte> stap_a(std::initializer_list<std::vector<std::byte>> nals) {
  auto out = bytes({0x78});  // F=0 NRI=3 type 24
  for (const auto& nal : nals) out = out + bytes({0, static_cast<int>(nal.size())}) + nal;
  return out;
}
// RFC 6184 figure 14: FU indicator, FU header (S, E, R, type), a piece of the NAL unit.
std::vector<std::byte> fu_a(bool start, bool end, std::initializer_list<int> piece) {
  return bytes({0x7C, (start ? 0x80 : 0) | (end ? 0x40 : 0) | 0x05}) + bytes(piece);
}

TEST(H264, PutsSingleUnitsAggregatesAndFragmentsTogether) {
  Depacketized h264("video/H264");
  h264.packet(0, false, stap_a({bytes({0x09, 0x10}), kSps, kPps}));
  h264.packet(0, false, fu_a(true, false, {0x88, 0x84}));
  h264.packet(0, false, fu_a(false, false, {0x11}));
  h264.packet(0, false, fu_a(false, true, {0x22, 0x33}));
  h264.packet(0, true, kSecondSlice);
  h264.packet(3000, true, kP);
  ASSERT_EQ(h264.frames.size(), 2u);
  EXPECT_EQ(h264.frames[0].bytes, sample({kIdr, kSecondSlice}));  // sets and delimiter are not in the sample
  EXPECT_EQ(h264.frames[0].kind, FrameKind::key);
  EXPECT_EQ(h264.frames[1].bytes, sample({kP}));
  EXPECT_EQ(text(h264.config().codec_private),
            text({1, 0x42, 0xC0, 0x1F, 0xFF, 0xE1, 0, 14}) + text(kSps) + text({1, 0, 4}) + text(kPps));
}

TEST(H264, SetsFromTheSdpServeAStreamWithoutAny) {
  Depacketized h264(
      Codec{.payload_type = 102,
            .mime_type = "video/h264",
            .sdp_fmtp_line = "102 packetization-mode=1;sprop-parameter-sets=Z0LAH4yNQFAe0A8IhGo=,aM48gA=="});
  h264.packet(0, true, kIdr);
  ASSERT_EQ(h264.frames.size(), 1u);
  EXPECT_NE(text(h264.config().codec_private).find(text(kSps)), std::string::npos);
  EXPECT_GT(h264.config().width, 0);
}

TEST(H264, WithoutSetsNothingCanBeDecoded) {
  Depacketized h264("video/H264");
  h264.packet(0, true, kIdr);
  EXPECT_TRUE(h264.frames.empty());
  EXPECT_EQ(h264.dropped_as(Dropped::Reason::before_keyframe), 1u);
}

TEST(H264, ChangedSetsTravelInBandFromThenOn) {
  Depacketized h264("video/H264");
  h264.packet(0, true, stap_a({kSps, kPps, kIdr}));
  h264.packet(3000, true, stap_a({kSps, kPps, kIdr}));       // repeated: as before
  h264.packet(6000, true, stap_a({kSps, kOtherPps, kIdr}));  // changed
  h264.packet(9000, true, kIdr);                             // a player may seek here
  h264.packet(12000, true, stap_a({kSps, kPps, kIdr}));      // and back
  h264.packet(15000, true, kP);
  ASSERT_EQ(h264.frames.size(), 6u);
  EXPECT_EQ(h264.frames[1].bytes, sample({kIdr}));
  EXPECT_FALSE(h264.frames[1].parameters_changed);
  EXPECT_EQ(h264.frames[2].bytes, sample({kSps, kOtherPps, kIdr}));
  EXPECT_TRUE(h264.frames[2].parameters_changed);
  EXPECT_EQ(h264.frames[3].bytes, sample({kSps, kOtherPps, kIdr}));
  EXPECT_FALSE(h264.frames[3].parameters_changed);
  EXPECT_EQ(h264.frames[4].bytes, sample({kSps, kPps, kIdr}));
  EXPECT_TRUE(h264.frames[4].parameters_changed);
  EXPECT_EQ(h264.frames[5].bytes, sample({kP}));
}

TEST(H264, SetsThatAreKnownToChangeTravelInEveryKeyframe) {
  Depacketized h264("video/H264", {.sets_in_band = true});
  h264.packet(0, true, stap_a({kSps, kPps, kIdr}));
  h264.packet(3000, true, kP);
  h264.packet(6000, true, kIdr);
  ASSERT_EQ(h264.frames.size(), 3u);
  EXPECT_EQ(h264.frames[0].bytes, sample({kSps, kPps, kIdr}));
  EXPECT_EQ(h264.frames[1].bytes, sample({kP}));
  EXPECT_EQ(h264.frames[2].bytes, sample({kSps, kPps, kIdr}));
}

TEST(ParameterSetWatch, SeesSetsThatChangeAfterThePictureTheyAreFor) {
  const Codec codec{.payload_type = 96, .mime_type = "video/H264"};
  ParameterSetWatch watch(codec);
  watch.push(kP);  // before any set: nothing can decode it
  watch.push(stap_a({kSps, kPps}));
  watch.push(fu_a(true, false, {0x88, 0x84}));
  watch.push(stap_a({kSps, kPps, kIdr}));  // repeated
  EXPECT_FALSE(watch.changes());
  watch.push(kOtherPps);
  EXPECT_TRUE(watch.changes());
}

TEST(H264, ALostFragmentLosesTheAccessUnit) {
  Depacketized h264("video/H264");
  h264.packet(0, true, stap_a({kSps, kPps, kIdr}));
  h264.packet(3000, false, fu_a(true, false, {0x88, 0x84}));
  h264.packet(3000, true, fu_a(false, true, {0x22}), 1);
  h264.packet(6000, true, kP);
  EXPECT_EQ(h264.frames.size(), 2u);
  EXPECT_EQ(h264.dropped_as(Dropped::Reason::incomplete), 1u);
  EXPECT_TRUE(h264.frames[1].reference_lost);
}

TEST(H264, APacketWithoutTheFirstSliceIsNoStart) {
  Depacketized h264("video/H264");
  h264.packet(0, true, stap_a({kSps, kPps, kIdr}));
  h264.packet(3000, true, kSecondSlice, 1);
  EXPECT_EQ(h264.frames.size(), 1u);
  EXPECT_EQ(h264.dropped_as(Dropped::Reason::incomplete), 1u);
}

TEST(H264, UnreferencedPicturesAreDiscardable) {
  Depacketized h264("video/H264");
  h264.packet(0, true, stap_a({kSps, kPps, kIdr}));
  h264.packet(9000, true, kP);
  h264.packet(3000, true, kB);  // shown before the P picture: time goes back in sequence order
  ASSERT_EQ(h264.frames.size(), 3u);
  EXPECT_TRUE(h264.frames[2].discardable);
  EXPECT_FALSE(h264.frames[1].discardable);
}

TEST(H264, ARecoveryPointIsAKeyframe) {
  Depacketized h264("video/H264");
  h264.packet(0, false, stap_a({kSps, kPps}));
  h264.packet(0, false, bytes({0x06, 0x06, 0x01, 0xC4, 0x80}));  // SEI, recovery point, recovery_frame_cnt 0
  h264.packet(0, true, kP);
  ASSERT_EQ(h264.frames.size(), 1u);
  EXPECT_EQ(h264.frames[0].kind, FrameKind::key);
}

// Intra refresh (recovery_frame_cnt > 0) is where decoders begin when nothing came before, and no keyframe later.
TEST(H264, WhereNothingCameBeforeIntraRefreshBegins) {
  Depacketized h264("video/H264");
  h264.packet(0, true, kP);
  ASSERT_EQ(h264.frames.size() + h264.dropped.size(), 1U);
  const std::size_t before = h264.frames.size();
  for (const std::uint32_t time : {3000U, 6000U}) {
    h264.packet(time, false, stap_a({kSps, kPps}));
    h264.packet(time, false, bytes({0x06, 0x06, 0x01, 0x24, 0x80}));  // recovery_frame_cnt 3: ue(v) 00100
    h264.packet(time, true, kP);
  }
  ASSERT_EQ(h264.frames.size(), before + 2);
  EXPECT_EQ(h264.frames[before].kind, FrameKind::key);
  EXPECT_FALSE(h264.frames[before].reference_lost);
  EXPECT_EQ(h264.frames[before + 1].kind, FrameKind::delta);
}

// Section D.2.8: three reference frames after the recovery point all is whole again.
TEST(H264, IntraRefreshMendsWhatALossDamaged) {
  Depacketized h264("video/H264");
  h264.packet(0, true, stap_a({kSps, kPps, kIdr}));
  h264.packet(6000, true, kP, 1);
  ASSERT_EQ(h264.frames.size(), 2U);
  ASSERT_TRUE(h264.frames[1].reference_lost);
  h264.packet(9000, false, bytes({0x06, 0x06, 0x01, 0x24, 0x80}));
  for (std::uint32_t time = 9000; time <= 21000; time += 3000) h264.packet(time, true, kP);
  std::vector<bool> damaged;
  for (const auto& frame : h264.frames) damaged.push_back(frame.reference_lost);
  EXPECT_EQ(damaged, (std::vector<bool>{false, true, true, true, true, false, false}));
}

TEST(H264, InterleavedAndReservedTypesAreMalformed) {
  for (const int type : {0x00, 0x19, 0x1A, 0x1B, 0x1D, 0x1E, 0x1F}) {
    Depacketized h264("video/H264");
    h264.packet(0, true, stap_a({kSps, kPps, kIdr}));
    h264.packet(3000, true, bytes({0x60 | type, 0x80, 1, 2, 3}));
    EXPECT_EQ(h264.frames.size(), 1u) << type;
    EXPECT_EQ(h264.dropped.size(), 1u) << type;
  }
}

TEST(H264, AnAggregateCutShortIsMalformed) {
  const auto whole = stap_a({kSps, kPps, kIdr});
  for (std::size_t n = 1; n < whole.size(); ++n) {
    Depacketized h264("video/H264");
    h264.packet(0, true, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)});
    EXPECT_TRUE(h264.frames.empty()) << n;
  }
}

// Section 7.4.2.1.1: 1088 coded rows, 4 crop units of 2 rows at the bottom.
TEST(H264Sps, CropsTheSize) {
  const auto sps = parse_h264_sps(
      bytes({0x67, 0x64, 0x00, 0x28, 0xAC, 0xD9, 0x40, 0x78, 0x02, 0x27, 0xE5, 0xC0, 0x44, 0x00,
             0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xF0, 0x3C, 0x60, 0xC6, 0x58}));
  ASSERT_TRUE(sps);
  EXPECT_EQ(sps->profile_idc, 100);
  EXPECT_EQ(sps->width, 1920);
  EXPECT_EQ(sps->height, 1080);
}

TEST(Nal, UnescapingTakesEmulationPreventionOut) {
  EXPECT_EQ(unescape_nal(bytes({0x67, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3})), bytes({0x67, 0, 0, 1, 0, 0, 0, 0}));
}

TEST(Nal, SpropListsAreBase64) {
  const auto sets = decode_sprop("Z0LAH4yNQFAe0A8IhGo=, aM48gA==,!!,");
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[0], kSps);
  EXPECT_EQ(sets[1], kPps);
}

// Some senders set the marker at the end of each NAL unit. What the scan found (SliceMarkerWatch) decides.
TEST(H264, MarkersWithinPicturesDoNotEndThem) {
  Depacketized h264("video/H264", {.markers_within_pictures = true});
  const auto second = bytes({0x41, 0x04, 0x55});  // first_mb_in_slice > 0
  h264.packet(0, true, kSps);
  h264.packet(0, true, kPps);
  h264.packet(0, true, kIdr);
  h264.packet(0, true, kSecondSlice);
  h264.packet(3000, true, kP);
  h264.packet(3000, true, second);
  h264.packet(3000, true, kP);  // another picture of the same time
  h264.packet(6000, true, kP);
  h264.flush();
  ASSERT_EQ(h264.frames.size(), 4u);
  EXPECT_EQ(h264.frames[0].bytes, sample({kIdr, kSecondSlice}));
  EXPECT_EQ(h264.frames[1].bytes, sample({kP, second}));
  EXPECT_EQ(h264.frames[2].bytes, sample({kP}));
  EXPECT_EQ(h264.frames[3].bytes, sample({kP}));  // the last one's end is not known but for its marker
  EXPECT_TRUE(h264.dropped.empty());
}

TEST(H264, ASliceThatIsMissingWithinSuchAPictureLosesThatPictureOnly) {
  for (const bool last : {false, true}) {
    Depacketized h264("video/H264", {.markers_within_pictures = true});
    h264.packet(0, true, stap_a({kSps, kPps}));
    h264.packet(0, true, kIdr);
    h264.packet(0, true, kSecondSlice);
    h264.packet(3000, true, kP);
    if (!last) h264.packet(3000, true, bytes({0x41, 0x02, 0x55}), 1);
    h264.packet(6000, true, kP, last ? 1 : 0);
    h264.packet(9000, true, kP);
    h264.flush();
    EXPECT_EQ(h264.frames.size(), 3u) << last;
    EXPECT_EQ(h264.dropped_as(Dropped::Reason::incomplete), 1u) << last;
  }
}

/// Whether a watch that sees `payloads` one after the other, all of one time, finds markers within the
/// picture.
bool markers_within(const char* mime_type, const std::vector<std::vector<std::byte>>& payloads,
                    std::uint32_t time_step = 0) {
  SliceMarkerWatch watch(Codec{.payload_type = 96, .mime_type = mime_type, .clock_rate = 90'000});
  RtpPacket packet{.marker = true};
  for (const auto& payload : payloads) {
    watch.push(packet, payload);
    ++packet.sequence_number;
    packet.timestamp += time_step;
  }
  return watch.markers_within_pictures();
}

TEST(SliceMarkers, AreSeenWhereASliceFollowsThatIsNoFirstOne) {
  EXPECT_TRUE(markers_within("video/H264", {kIdr, kSecondSlice}));
  EXPECT_TRUE(markers_within("video/H264", {kIdr, bytes({0x7C, 0x85, 0x04, 0x44})}));  // FU-A, S
  EXPECT_FALSE(markers_within("video/H264", {kIdr, bytes({0x7C, 0x05, 0x04, 0x44})})) << "FU-A's middle";
  EXPECT_FALSE(markers_within("video/H264", {kIdr, kP})) << "two pictures of one time";
  EXPECT_FALSE(markers_within("video/H264", {kIdr, kSecondSlice}, 3000)) << "another time";
  EXPECT_FALSE(markers_within("video/H264", {kSps, kPps, kIdr})) << "sets with a marker";
  const auto first = bytes({19 << 1, 1, 0xA8}), second = bytes({19 << 1, 1, 0x28});
  EXPECT_TRUE(markers_within("video/H265", {first, second}));
  EXPECT_TRUE(markers_within("video/H265", {first, bytes({49 << 1, 1, 0x80 | 19, 0x28})}));
  EXPECT_FALSE(markers_within("video/H265", {first, first}));
}

}  // namespace
}  // namespace rtpx::test
