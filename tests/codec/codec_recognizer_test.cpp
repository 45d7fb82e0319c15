#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "codec/harness.hpp"
#include "rtp/packet.hpp"

namespace rtpx::test {
namespace {

std::string recognize(MediaKind kind, const MediaPackets& packets) {
  CodecRecognizer recognizer(kind);
  for (const MediaPacket& packet : packets) recognizer.push(packet);
  return recognizer.answer().value_or("");
}

struct Known {
  const char* file;
  int payload_type;
  const char* mime_type;
};

TEST(CodecRecognizer, KnowsVideoByItsPayload) {
  const Known recordings[] = {
      {"edge/h264/2.rtpx", 102, "video/H264"},
      {"edge/dups/2.rtpx", 96, "video/VP8"},
      {"edge/ext1/2.rtpx", 96, "video/VP8"},
      {"edge/late_audio/2.rtpx", 96, "video/VP8"},
      {"edge/lipsync/2.rtpx", 96, "video/VP8"},
      {"edge/no_stream/2.rtpx", 96, "video/VP8"},
      {"edge/traversal/2.rtpx", 96, "video/VP8"},
      {"edge/truncated/2.rtpx", 96, "video/VP8"},
      {"edge/ssrc_change_back/2.rtpx", 96, "video/VP8"},
      {"browser/vp8_opus/video_1.rtpx", 96, "video/VP8"},
      {"browser/vp8_opus_lossy_audionack/video_1.rtpx", 96, "video/VP8"},
      {"browser/vp8_flexfec_lossy/video_1.rtpx", 96, "video/VP8"},
      {"browser/firefox_vp8_opus/video_1.rtpx", 120, "video/VP8"},
      {"browser/vp9_opus/video_1.rtpx", 98, "video/VP9"},
      {"browser/vp9svc_opus/video_1.rtpx", 98, "video/VP9"},
      {"browser/av1_opus/video_1.rtpx", 45, "video/AV1"},
      {"browser/firefox_av1_opus/video_1.rtpx", 99, "video/AV1"},
      {"browser/h264_opus/video_1.rtpx", 102, "video/H264"},
      {"browser/h264_pcmu/video_1.rtpx", 102, "video/H264"},
      {"public/webrtc-sdk-webrtc/vp8.rtpdump", 125, "video/VP8"},
      {"public/membraneframework-membrane_rtp_vp8_plugin/input_vp8.pcap", 96, "video/VP8"},
      {"public/membraneframework-membrane_rtp_vp9_plugin/input_vp9.pcap", 96, "video/VP9"},
      {"public/membraneframework-membrane_rtp_plugin/demo_rtp.pcap", 96, "video/H264"},
      {"public/membraneframework-membrane_rtp_plugin/srtp.decrypted.rtpdump", 96, "video/H264"},
      {"public/smelter-labs-smelter-snapshot-tests/8_colors_input_video.rtp", 96, "video/H264"},
      {"public/algesten-str0m/av1.pcap", 45, "video/AV1"},
      {"public/realjimmy-sample-captures/1920x1080_H.265.pcapng", 96, "video/H265"},
  };
  for (const Known& known : recordings) {
    RTPX_NEEDS_CAPTURE(file, known.file);
    EXPECT_EQ(recognize(MediaKind::video, MediaPackets(file, known.payload_type)), known.mime_type)
        << known.file;
  }
}

TEST(CodecRecognizer, KnowsOpusByItsTiming) {
  const Known recordings[] = {
      {"browser/vp8_opus/audio_0.rtpx", 111, "audio/opus"},
      {"browser/firefox_vp8_opus/audio_0.rtpx", 109, "audio/opus"},
      {"edge/late_audio/1.rtpx", 111, "audio/opus"},
      {"edge/lipsync/1.rtpx", 111, "audio/opus"},
      {"public/realjimmy-sample-captures/sip-rtp-opus.pcap", 99, "audio/opus"},
      {"public/asterisk-testsuite/opus-2013785496.pcap", 96, "audio/opus"},
      {"public/asterisk-testsuite/16_bit_48khz_60_fec_rtp.pcapng", 107, "audio/opus"},
      {"public/smelter-labs-smelter-snapshot-tests/variable_frequency_opus_audio.rtp", 97, "audio/opus"},
  };
  for (const Known& known : recordings) {
    RTPX_NEEDS_CAPTURE(file, known.file);
    EXPECT_EQ(recognize(MediaKind::audio, MediaPackets(file, known.payload_type)), known.mime_type)
        << known.file;
  }
}

TEST(CodecRecognizer, AnswersAsSoonAsTheFirstKeyframeIsIn) {
  RTPX_NEEDS_CAPTURE(file, "browser/vp8_opus/video_1.rtpx");
  CodecRecognizer recognizer(MediaKind::video);
  std::size_t packets = 0;
  for (const MediaPacket& packet : MediaPackets(file, 96)) {
    recognizer.push(packet);
    ++packets;
    if (recognizer.answer()) break;
  }
  EXPECT_LE(packets, 10u);
}

// Whatever else there is: as video and as audio, each payload type and SSRC of each file.
TEST(CodecRecognizer, KeepsQuietAboutEverythingElse) {
  const char* const files[] = {
      "public/realjimmy-sample-captures/h263-over-rtp.pcap",
      "public/realjimmy-sample-captures/sip-rtp-g726.pcap",
      "public/realjimmy-sample-captures/sip-rtp-g711.pcap",
      "public/realjimmy-sample-captures/sip-rtp-g722.pcap",
      "public/realjimmy-sample-captures/MagicJack-_short_call.pcap",
      "public/realjimmy-sample-captures/FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",
      "public/algesten-str0m/h266.pcap",
      "public/algesten-str0m/contiguous_vp9.pcap",
      "public/sippy-rtpproxy/dups.a.rtp",
      "public/sippy-rtpproxy/weird.o.rtp",
      "public/sippy-rtpproxy/alice_srtp.decrypted.rtpdump",
      "public/sippy-rtpproxy/call1_ulaw.a.rtpdump",
      "public/asterisk-testsuite/40msalaw.pcap",
      "public/asterisk-testsuite/A_party_g711a.pcap",
      "public/asterisk-testsuite/CARRIER_G711U.pcap",
      "public/asterisk-testsuite/ulaw-2013785496.pcap",
      "public/SIPp-sipp/g711a.pcap",
      "public/webrtc-sdk-webrtc/stereo_pcmu_vad_jitter.rtp",
      "public/membraneframework-membrane_rtp_plugin/srtp.pcap",
      "public/ntop-nDPI/stun_google_meet.pcapng",
      "browser/h264_pcmu/audio_0.rtpx",
      "browser/vp8_g722_absct/audio_0.rtpx",
  };
  for (const char* name : files) {
    RTPX_NEEDS_CAPTURE(file, name);
    const std::vector<std::string> all = read_rtp_packets(file);
    std::vector<std::pair<int, std::uint32_t>> streams;
    for (const std::string& bytes : all) {
      const auto packet = parse_rtp(as_bytes(bytes));
      const std::pair<int, std::uint32_t> stream{packet->payload_type, packet->ssrc};
      if (std::ranges::find(streams, stream) == streams.end()) streams.push_back(stream);
    }
    for (const auto& [payload_type, ssrc] : streams) {
      const MediaPackets packets(all, payload_type, ssrc);
      EXPECT_EQ(recognize(MediaKind::video, packets), "") << name << " payload type " << payload_type;
      EXPECT_EQ(recognize(MediaKind::audio, packets), "") << name << " payload type " << payload_type;
    }
  }
}

TEST(CodecRecognizer, KeepsQuietAboutNoiseAndSilence) {
  std::mt19937 random(7);
  for (int stream = 0; stream < 50; ++stream) {
    CodecRecognizer video(MediaKind::video), audio(MediaKind::audio);
    std::vector<std::byte> payload(160 + random() % 1000);
    for (int i = 0; i < 300; ++i) {
      // The last ones are A-law and µ-law silence in packets of 20, 60 and 120 ms.
      for (auto& b : payload)
        b = stream < 40 ? static_cast<std::byte>(random()) : stream % 2 ? std::byte{0xD5} : std::byte{0xFF};
      if (stream >= 40) payload.resize(std::array{160U, 480U, 960U}[static_cast<std::size_t>(stream) % 3]);
      const MediaPacket packet{.sequence = i,
                               .timestamp = i * static_cast<std::int64_t>(stream < 40 ? 960 : payload.size()),
                               .marker = random() % 3 == 0,
                               .payload = payload};
      video.push(packet);
      audio.push(packet);
    }
    EXPECT_FALSE(video.answer()) << stream;
    EXPECT_FALSE(audio.answer()) << stream;
  }
}

}  // namespace
}  // namespace rtpx::test
