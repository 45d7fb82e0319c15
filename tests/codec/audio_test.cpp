#include <gmock/gmock.h>

#include "codec/comfort_noise.hpp"
#include "codec/harness.hpp"
#include "codec/telephone_event.hpp"

namespace rtpx::test {
namespace {

Codec codec(const char* mime_type, std::uint32_t clock_rate, int channels = 1, const char* fmtp = nullptr) {
  Codec out{.payload_type = 96, .mime_type = mime_type, .clock_rate = clock_rate};
  out.channels = static_cast<std::uint16_t>(channels);
  if (fmtp != nullptr) out.sdp_fmtp_line = fmtp;
  return out;
}

TEST(G711, AByteIsASampleOfAnyPacketTime) {
  for (const std::size_t ptime : {80, 160, 320, 480}) {
    Depacketized out(codec("audio/PCMA", 8000));
    out.packet(0, true, std::vector<std::byte>(ptime, std::byte{0xD5}));
    ASSERT_EQ(out.frames.size(), 1u);
    EXPECT_EQ(out.frames[0].duration, ptime);
    EXPECT_EQ(out.frames[0].bytes.size(), ptime);
    EXPECT_EQ(out.config().sample_rate, 8000u);
  }
}

TEST(G711, StereoHasTwoBytesATick) {
  Depacketized out(codec("audio/pcmu", 8000, 2));
  out.packet(0, true, std::vector<std::byte>(320));
  ASSERT_EQ(out.frames.size(), 1u);
  EXPECT_EQ(out.frames[0].duration, 160u);
  EXPECT_EQ(out.config().channels, 2);
}

TEST(G722, TheClockSays8000AndTheSoundIs16000) {
  Depacketized out(codec("audio/G722", 8000));
  out.packet(0, true, std::vector<std::byte>(160));
  ASSERT_EQ(out.frames.size(), 1u);
  EXPECT_EQ(out.frames[0].duration, 160u);  // 20 ms of the 8000 Hz clock
  EXPECT_EQ(out.config().sample_rate, 16000u);
}

TEST(L16, SamplesBecomeLittleEndian) {
  Depacketized out(codec("audio/L16", 44100, 2));
  out.packet(0, true, bytes({0x12, 0x34, 0x56, 0x78, 0x9A}));  // half a sample too much
  ASSERT_EQ(out.frames.size(), 1u);
  EXPECT_EQ(out.frames[0].bytes, text({0x34, 0x12, 0x78, 0x56}));
  EXPECT_EQ(out.frames[0].duration, 1u);
  EXPECT_EQ(out.config().bits_per_sample, 16u);
}

TEST(Multiopus, LayoutComesFromTheFormatParameters) {
  Depacketized out(codec("audio/multiopus", 48000, 6,
                         "115 channel_mapping=0,4,1,2,3,5;coupled_streams=2;minptime=10;num_streams=4"));
  EXPECT_EQ(out.config().channels, 6);
  EXPECT_EQ(text(out.config().codec_private),
            "OpusHead" + text({1, 6, 0x38, 1, 0x80, 0xBB, 0, 0, 0, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5}));
}

TEST(Multiopus, AContradictoryLayoutIsRefused) {
  for (const char* fmtp : {"channel_mapping=0,1,2;num_streams=1;coupled_streams=1", "num_streams=2",
                           "channel_mapping=0,1;num_streams=0;coupled_streams=0",
                           "channel_mapping=0,1,x,3,4,5;num_streams=4;coupled_streams=2"})
    EXPECT_FALSE(make_depacketizer(codec("audio/multiopus", 48000, 6, fmtp), {}, {}, {})) << fmtp;
}

TEST(ComfortNoise, IsNoFrameAndHasALevel) {
  EXPECT_EQ(comfort_noise_level(bytes({0x4F, 1, 2})), 79);
  EXPECT_FALSE(comfort_noise_level({}));
  EXPECT_FALSE(make_depacketizer(codec("audio/CN", 8000), {}, {}, {}));
}

// RFC 4733 section 5, table 3: the digit 9 with three end packets.
TEST(TelephoneEvent, APressIsReportedOnceWithItsFullDuration) {
  std::vector<KeyPress> presses;
  KeyPresses keys([&](const KeyPress& press) { presses.push_back(press); });
  const auto event = [](int digit, bool end, int duration) {
    return bytes({digit, (end ? 0x80 : 0) | 7, duration >> 8, duration & 0xFF});
  };
  std::int64_t sequence = 0;
  const auto push = [&](std::int64_t timestamp, const std::vector<std::byte>& payload) {
    keys.push({.sequence = sequence++, .timestamp = timestamp, .payload = payload});
  };
  for (const int duration : {400, 800, 1200}) push(0, event(9, false, duration));
  for (int i = 0; i < 3; ++i) push(0, event(9, true, 1600));
  push(11200, event(11, false, 400));
  push(20000, event(9, true, 800));  // the end of '#' was lost
  keys.flush();
  ASSERT_EQ(presses.size(), 3u);
  EXPECT_EQ(dtmf_digit(presses[0].event), '9');
  EXPECT_EQ(presses[0].duration, 1600u);
  EXPECT_TRUE(presses[0].ended);
  EXPECT_EQ(dtmf_digit(presses[1].event), '#');
  EXPECT_EQ(presses[1].timestamp, 11200);
  EXPECT_FALSE(presses[1].ended);
  EXPECT_FALSE(dtmf_digit(16));
}

TEST(TelephoneEvent, RealCallsGiveTheirDigits) {
  RTPX_NEEDS_CAPTURE(folder, "public/asterisk-testsuite");
  for (const char* file : {"ulaw-2013785496.pcap", "opus-2013785496.pcap"}) {
    std::string digits;
    KeyPresses keys([&](const KeyPress& press) { digits += dtmf_digit(press.event).value_or('?'); });
    for (const MediaPacket& packet : MediaPackets(folder / file, 101)) keys.push(packet);
    keys.flush();
    EXPECT_EQ(digits, "2013785496") << file;
  }
}

struct AudioCapture {
  const char* file;
  Codec codec;
  int payload_type;
  std::size_t frames;
  std::uint64_t duration;  // RTP ticks, summed over the frames
};

// Packets and payload bytes of each as another reader counted them.
TEST(AudioRecording, EveryPacketIsAFrameOfTheRightDuration) {
  const AudioCapture expected[] = {
      {"public/realjimmy-sample-captures/sip-rtp-g722.pcap", codec("audio/G722", 8000), 9, 425, 425 * 160},
      {"public/asterisk-testsuite/40msalaw.pcap", codec("audio/PCMA", 8000), 8, 826, 826 * 320},
      {"public/SIPp-sipp/g711a.pcap", codec("audio/PCMA", 8000), 8, 236, 236 * 240},
      {"public/webrtc-sdk-webrtc/stereo_pcmu_vad_jitter.rtp", codec("audio/PCMU", 8000, 2), 125, 1780,
       1780 * 160},
      {"public/realjimmy-sample-captures/sip-rtp-opus.pcap", codec("audio/opus", 48000), 99, 425, 425 * 960},
      {"public/asterisk-testsuite/16_bit_48khz_60_fec_rtp.pcapng", codec("audio/opus", 48000), 107, 3000,
       3000 * 960},
      {"public/smelter-labs-smelter-snapshot-tests/variable_frequency_opus_audio.rtp",
       codec("audio/opus", 48000, 2), 97, 1001, 1001 * 960},
  };
  for (const AudioCapture& e : expected) {
    RTPX_NEEDS_CAPTURE(file, e.file);
    Depacketized out(e.codec);
    out.push_all(MediaPackets(file, e.payload_type));
    std::uint64_t duration = 0;
    for (const auto& frame : out.frames) duration += frame.duration;
    EXPECT_EQ(out.frames.size(), e.frames) << e.file;
    EXPECT_EQ(duration, e.duration) << e.file;
    EXPECT_TRUE(out.dropped.empty()) << e.file;
  }
}

}  // namespace
}  // namespace rtpx::test
