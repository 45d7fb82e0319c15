#include "codec/opus.hpp"

#include "codec/harness.hpp"

namespace rtpx::test {
namespace {

std::uint32_t duration(std::initializer_list<int> packet) {
  const auto info = parse_opus_packet(bytes(packet));
  return info ? info->duration : 0;
}

// RFC 6716 table 2: config numbers 0..31 and their frame sizes.
TEST(OpusPacket, DurationFollowsTheConfiguration) {
  EXPECT_EQ(duration({0 << 3, 1}), 480u);   // SILK NB 10 ms
  EXPECT_EQ(duration({3 << 3, 1}), 2880u);  // SILK NB 60 ms
  EXPECT_EQ(duration({9 << 3, 1}), 960u);   // SILK WB 20 ms
  EXPECT_EQ(duration({12 << 3, 1}), 480u);  // Hybrid SWB 10 ms
  EXPECT_EQ(duration({15 << 3, 1}), 960u);  // Hybrid FB 20 ms
  EXPECT_EQ(duration({16 << 3, 1}), 120u);  // CELT NB 2.5 ms
  EXPECT_EQ(duration({29 << 3, 1}), 240u);  // CELT FB 5 ms
  EXPECT_EQ(duration({31 << 3, 1}), 960u);  // CELT FB 20 ms
}

TEST(OpusPacket, CountsFramesOfEveryCode) {
  EXPECT_EQ(duration({31 << 3 | 1, 1, 2}), 1920u);                 // two of equal size
  EXPECT_EQ(duration({31 << 3 | 1, 1, 2, 3}), 0u);                 // R3: an odd length
  EXPECT_EQ(duration({31 << 3 | 2, 1, 9, 8}), 1920u);              // first of 1 byte
  EXPECT_EQ(duration({31 << 3 | 2, 5, 9, 8}), 0u);                 // R4: longer than the packet
  EXPECT_EQ(duration({31 << 3 | 3, 6, 1, 2, 3, 4, 5, 6}), 5760u);  // CBR: six frames, 120 ms
  EXPECT_EQ(duration({31 << 3 | 3, 7, 1, 2, 3, 4, 5, 6, 7}), 0u);  // R5: 140 ms
  EXPECT_EQ(duration({31 << 3 | 3, 0}), 0u);                       // R5: no frame
  EXPECT_EQ(duration({31 << 3 | 3, 0x83, 1, 1, 1, 2, 3}), 2880u);  // VBR
  EXPECT_EQ(duration({31 << 3 | 3, 0x42, 2, 1, 2, 0, 0}), 1920u);  // padding of 2 bytes
  EXPECT_EQ(duration({31 << 3 | 3, 0x42, 9, 1, 2, 0, 0}), 0u);     // R6: more padding than packet
  EXPECT_EQ(duration({16 << 3 | 3, 48}), 5760u);                   // 48 empty frames of 2.5 ms
}

TEST(OpusPacket, DtxPacketsAreFrames) {
  Depacketized opus(
      Codec{.payload_type = 111, .mime_type = "audio/opus", .clock_rate = 48000, .channels = 2});
  opus.packet(0, true, bytes({0x78, 1, 2, 3}));
  opus.packet(960, false, bytes({0x78}));
  opus.packet(1920, false, {});
  opus.packet(2880, false, bytes({0x7B}));  // code 3 without a count
  EXPECT_EQ(opus.frames.size(), 2u);
  EXPECT_EQ(opus.dropped_as(Dropped::Reason::malformed), 1u);
}

TEST(OpusDepacketizer, HeadHasThePreSkipAndTheNegotiatedChannels) {
  Depacketized opus(
      Codec{.payload_type = 111, .mime_type = "AUDIO/OPUS", .clock_rate = 48000, .channels = 2});
  EXPECT_EQ(opus.config().channels, 2);
  EXPECT_EQ(opus.config().sample_rate, 48000u);
  EXPECT_EQ(text(opus.config().codec_private),
            "OpusHead" + text({1, 2, 0x38, 0x01, 0x80, 0xBB, 0, 0, 0, 0, 0}));
}

TEST(OpusDepacketizer, WithoutNegotiationThePacketsTellTheChannels) {
  Depacketized opus("audio/opus");
  opus.packet(0, true, bytes({0x78, 1}));
  opus.packet(960, false, bytes({0x7C, 1}));
  ASSERT_EQ(opus.frames.size(), 2u);
  EXPECT_EQ(opus.frames[0].config.channels, 1);
  EXPECT_EQ(opus.frames[1].config.channels, 2);
  EXPECT_TRUE(opus.frames[1].parameters_changed);
}

TEST(MakeDepacketizer, RefusesNamingCodecAndPayloadType) {
  const auto made = make_depacketizer(Codec{.payload_type = 34, .mime_type = "video/H263"}, {}, {}, {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::unsupported);
  EXPECT_NE(made.error().message.find("video/H263"), std::string::npos);
  EXPECT_NE(made.error().message.find("34"), std::string::npos);
}

}  // namespace
}  // namespace rtpx::test
