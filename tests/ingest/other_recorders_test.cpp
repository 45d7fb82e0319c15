// What other recorders write, imported by name: what lies beside a capture describes it.
#include <gmock/gmock.h>

#include "ingest/capture/rtpengine_call.hpp"
#include "ingest/import_support.hpp"

namespace rtpx {
namespace {

using namespace test;
using testing::HasSubstr;

class OtherRecorders : public ImportFixture {
 protected:
  Result<capture::ImportSummary> import_file(const std::filesystem::path& file) {
    return capture::import_capture({.capture = file, .folder = folder_ / "recording"});
  }
};

constexpr std::uint32_t kCaller = 0x0A000001, kCallee = 0x0A000002, kProxy = 0x0A000009;

Rtp spoken(unsigned i, std::uint32_t ssrc, unsigned type) {
  return {.payload_type = type,
          .sequence = 100 + i,
          .timestamp = 160 * i,
          .ssrc = ssrc,
          .payload = std::string(160, static_cast<char>(i))};
}

/// Both sides of a call as rtpengine writes them: raw IP, from the party to rtpengine's own ports.
std::string proxied_call() {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < 50; ++i) {
    file += pcap_record(frame(spoken(i, 7, 96).bytes(), 5000, 30000, kCaller, kProxy), 1000,
                        20'000 * i % 1'000'000);
    file += pcap_record(frame(spoken(i, 8, 97).bytes(), 6000, 30010, kCallee, kProxy), 1000,
                        20'000 * i % 1'000'000);
  }
  return file;
}

/// As docs/rtpengine.md of rtpengine has it, with what later releases add.
std::string call_metadata(const std::string& pcap) {
  const auto sdp = [](const std::string& port, const std::string& rest) {
    return "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio " + port + rest;
  };
  const std::string offer = sdp("30010", " RTP/AVP 97\r\na=rtpmap:97 G722/8000\r\n");
  const std::string answer =
      sdp("30000", " RTP/SAVP 96\r\na=rtpmap:96 L16/8000/1\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" +
                       std::string(40, 'A') + "\r\n");
  return pcap +
         "\n\n\nLabel: 1\nTimestamp started ms: 1000000.000\nSDP mode: offer\nSDP before RTP packet: 1\n\n" +
         offer + "\nSDP mode: answer\nSDP before RTP packet: 1\n\n" + answer +
         "\nSDP mode: offer\nSDP before RTP packet: 40\n\n" + offer +
         "\n\ncall start time: 2026-01-01T00:00:00\ncall end time: 2026-01-01T00:00:10\n\n\ngeneric: "
         "metadata=1\n";
}

TEST_F(OtherRecorders, TheMetadataOfRtpengineNameTheCaptureAndDescribeIt) {
  for (const char* place : {"pcaps", "pcap", "metadata"}) {
    std::filesystem::remove_all(folder_ / "recording");
    std::filesystem::remove_all(folder_ / "spool");
    std::filesystem::create_directories(folder_ / "spool/metadata");
    std::filesystem::create_directories(folder_ / "spool" / place);
    write_file(folder_ / "spool" / place / "call-1.pcap", proxied_call());
    const auto metadata = folder_ / "spool/metadata/call-1.txt";
    write_file(metadata, call_metadata("/var/spool/elsewhere/pcaps/call-1.pcap"));
    const auto summary = import_file(metadata);
    ASSERT_TRUE(summary) << summary.error().message;
    EXPECT_EQ(summary->described_by, metadata);
    EXPECT_EQ(summary->sealed, 0U) << "rtpengine has opened what was encrypted";
    ASSERT_EQ(summary->tracks.size(), 2U);
    EXPECT_EQ(manifest().at("audio_00000007").codecs.at(0).mime_type, "audio/L16");
    EXPECT_EQ(manifest().at("audio_00000008").codecs.at(0).mime_type, "audio/G722");
    EXPECT_EQ(records("audio_00000007").size(), 50U);
  }
}

TEST_F(OtherRecorders, AMissingCaptureOfRtpengineIsNamed) {
  const auto metadata = folder_ / "call-2.txt";
  write_file(metadata, call_metadata("/var/spool/elsewhere/pcaps/call-2.pcap"));
  const auto summary = import_file(metadata);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, Errc::not_found);
  EXPECT_THAT(summary.error().message, HasSubstr("call-2.pcap"));
}

TEST(RtpengineCall, TextOfAnotherKindIsNone) {
  EXPECT_FALSE(capture::parse_rtpengine(""));
  EXPECT_FALSE(capture::parse_rtpengine("/a/b.pcap\n\nhello\n"));
  EXPECT_FALSE(capture::parse_rtpengine("hello\nSDP mode: offer\nSDP before RTP packet: 1\n\nv=0\n"));
  const auto broken =
      capture::parse_rtpengine("/a/b.pcap\n\nSDP mode: offer\nSDP before RTP packet: 1\n\nv=0\nm=\n");
  ASSERT_TRUE(broken);
  EXPECT_TRUE(broken->session.media.empty());
}

TEST_F(OtherRecorders, AnRtpdumpIsDescribedByTheSdpBesideIt) {
  std::string dump =
      "#!rtpplay1.0 10.0.0.1/5000\n" + be32(1000) + be32(0) + be32(0x0A000001) + be16(5000) + be16(0);
  for (unsigned i = 0; i < 50; ++i) {
    const std::string packet = spoken(i, 7, 96).bytes();
    dump += be16(static_cast<unsigned>(packet.size()) + 8) + be16(static_cast<unsigned>(packet.size())) +
            be32(20 * i) + packet;
  }
  write_file(folder_ / "user-audio.rtpdump", dump);
  write_file(folder_ / "user-audio.sdp", kSdpHead + "m=audio 5000 RTP/AVP 96\na=rtpmap:96 L16/8000/1\n");
  const auto summary = import_file(folder_ / "user-audio.rtpdump");
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->described_by, folder_ / "user-audio.sdp");
  ASSERT_EQ(summary->tracks.size(), 1U);
  EXPECT_EQ(summary->tracks[0].track.codecs.at(0).mime_type, "audio/L16");

  write_file(folder_ / "user-audio.sdp", "nonsense");
  std::filesystem::remove_all(folder_ / "recording");
  const auto refused = import_file(folder_ / "user-audio.rtpdump");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("user-audio.sdp"));
}

}  // namespace
}  // namespace rtpx
