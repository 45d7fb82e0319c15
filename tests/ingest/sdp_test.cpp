#include "ingest/sdp/sdp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/captures.hpp"

namespace rtpx {
namespace {

using testing::ElementsAre;

sdp::Session parsed(const std::string& text) {
  auto session = sdp::parse(text);
  EXPECT_TRUE(session) << (session ? "" : session.error().message);
  return session.value_or(sdp::Session{});
}

const std::string kHead = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

TEST(Sdp, ReadsCodecsInTheOrderOfTheMediaLine) {
  const auto session = parsed(kHead +
                              "m=video 9 UDP/TLS/RTP/SAVPF 97 96\r\n"
                              "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
                              "a=rtcp-fb:96 nack pli\r\na=rtcp-fb:* ccm fir\r\n");
  const auto codecs = sdp::codecs(session.media.at(0));
  ASSERT_EQ(codecs.size(), 2U);
  EXPECT_EQ(codecs[0].mime_type, "video/rtx");
  EXPECT_EQ(codecs[0].sdp_fmtp_line, "97 apt=96");
  EXPECT_THAT(codecs[0].rtcp_fbs, ElementsAre("97 ccm fir"));
  EXPECT_EQ(codecs[1].mime_type, "video/VP8");
  EXPECT_EQ(codecs[1].clock_rate, 90000U);
  EXPECT_EQ(codecs[1].channels, std::nullopt);
  EXPECT_THAT(codecs[1].rtcp_fbs, ElementsAre("96 nack pli", "96 ccm fir"));
}

TEST(Sdp, KnowsStaticPayloadTypesWithoutRtpmap) {
  const auto session = parsed(kHead + "m=audio 4000 RTP/AVP 9 0 77 101\na=rtpmap:101 telephone-event/8000\n");
  const auto codecs = sdp::codecs(session.media.at(0));
  ASSERT_EQ(codecs.size(), 3U);
  EXPECT_EQ(codecs[0].mime_type, "audio/G722");
  EXPECT_EQ(codecs[0].clock_rate, 8000U) << "RFC 3551 section 4.5.2";
  EXPECT_EQ(codecs[1].mime_type, "audio/PCMU");
  EXPECT_EQ(codecs[2].mime_type, "audio/telephone-event");
}

TEST(Sdp, ChannelsDefaultToOneForAudio) {
  const auto session =
      parsed(kHead + "m=audio 9 RTP/AVP 111 8\na=rtpmap:111 opus/48000/2\na=rtpmap:8 PCMA/8000\n");
  const auto codecs = sdp::codecs(session.media.at(0));
  EXPECT_EQ(codecs.at(0).channels, 2);
  EXPECT_EQ(codecs.at(1).channels, 1);
}

TEST(Sdp, GroupsSourcesByTheirSsrc) {
  const auto media = parsed(kHead +
                            "m=video 9 RTP/AVP 96\na=ssrc-group:FID 11 22\na=ssrc-group:FEC-FR 11 33\n"
                            "a=ssrc:11 cname:me\na=ssrc:11 msid:s t\na=ssrc:22 cname:me\n")
                         .media.at(0);
  ASSERT_EQ(media.ssrc_groups.size(), 2U);
  EXPECT_EQ(media.ssrc_groups[1].semantics, "FEC-FR");
  EXPECT_THAT(media.ssrc_groups[1].ssrcs, ElementsAre(11U, 33U));
  ASSERT_EQ(media.sources.size(), 2U);
  EXPECT_EQ(media.sources[0].cname, "me");
  EXPECT_EQ(media.sources[0].msid, "s t");
}

TEST(Sdp, ReadsRidsAndSimulcast) {
  const auto media = parsed(kHead +
                            "m=video 9 RTP/AVP 96\na=rid:q send pt=96,97;max-width=320;max-fps=15\n"
                            "a=rid:h recv\na=simulcast:send q;~h,i recv f\n")
                         .media.at(0);
  ASSERT_EQ(media.rids.size(), 2U);
  EXPECT_TRUE(media.rids[0].send);
  EXPECT_THAT(media.rids[0].payload_types, ElementsAre(96, 97));
  EXPECT_EQ(media.rids[0].restrictions, "max-width=320;max-fps=15");
  EXPECT_FALSE(media.rids[1].send);
  ASSERT_TRUE(media.simulcast);
  ASSERT_EQ(media.simulcast->send.size(), 2U);
  EXPECT_EQ(media.simulcast->send[1].at(0).rid, "h");
  EXPECT_TRUE(media.simulcast->send[1].at(0).paused);
  EXPECT_EQ(media.simulcast->send[1].at(1).rid, "i");
  ASSERT_EQ(media.simulcast->recv.size(), 1U);
}

TEST(Sdp, MediaSectionsInheritWhatTheSessionSays) {  // Firefox: fingerprint at session level
  const auto session =
      parsed(kHead +
             "c=IN IP4 192.0.2.1/127\na=sendonly\na=fingerprint:SHA-256 aa:bb\na=ice-ufrag:u\n"
             "a=setup:actpass\na=extmap:3/recvonly urn:x\nm=audio 9 RTP/AVP 0\n"
             "m=video 9 RTP/AVP 34\nc=IN IP6 2001:db8::1\na=recvonly\na=ice-ufrag:v\n");
  const auto& [audio, video] = std::tie(session.media.at(0), session.media.at(1));
  EXPECT_EQ(audio.connection, "192.0.2.1");
  EXPECT_EQ(audio.direction, sdp::Direction::sendonly);
  ASSERT_EQ(audio.transport.fingerprints.size(), 1U);
  EXPECT_EQ(audio.transport.fingerprints[0].hash, "sha-256");
  EXPECT_EQ(audio.transport.fingerprints[0].value, "AA:BB");
  EXPECT_EQ(audio.transport.ice_ufrag, "u");
  ASSERT_EQ(audio.extmaps.size(), 1U);
  EXPECT_EQ(audio.extmaps[0].direction, sdp::Direction::recvonly);
  EXPECT_EQ(video.connection, "2001:db8::1");
  EXPECT_EQ(video.direction, sdp::Direction::recvonly);
  EXPECT_EQ(video.transport.ice_ufrag, "v");
}

TEST(Sdp, ReadsCandidatesAndCryptoLines) {
  const auto media = parsed(kHead +
                            "m=audio 9 RTP/SAVP 0\n"
                            "a=candidate:1 1 UDP 2122 192.0.2.2 60310 typ srflx raddr 10.0.0.1 rport 5\n"
                            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20 KDR=1\n")
                         .media.at(0);
  ASSERT_EQ(media.candidates.size(), 1U);
  EXPECT_EQ(media.candidates[0].transport, "udp");
  EXPECT_EQ(media.candidates[0].port, 60310);
  EXPECT_EQ(media.candidates[0].type, "srflx");
  ASSERT_EQ(media.candidates[0].extensions.size(), 2U);
  ASSERT_EQ(media.cryptos.size(), 1U);
  EXPECT_EQ(media.cryptos[0].key_params, "inline:abc|2^20");
  EXPECT_EQ(media.cryptos[0].session_params, "KDR=1");
}

TEST(Sdp, WhatMakesNoSenseIsKeptAsAnAttributeOnly) {
  const auto media = parsed(kHead +
                            "m=audio 9 RTP/AVP 0 128 x\na=rtpmap:200 PCMU/8000\na=ssrc:abc cname:x\n"
                            "a=ssrc-group:FID 1 two\na=extmap:0 urn:x\na=candidate:1 1 udp\na=rid:\n")
                         .media.at(0);
  EXPECT_THAT(media.payload_types, ElementsAre(0));
  EXPECT_TRUE(media.rtpmaps.empty());
  EXPECT_TRUE(media.sources.empty());
  EXPECT_TRUE(media.ssrc_groups.empty());
  EXPECT_TRUE(media.extmaps.empty());
  EXPECT_TRUE(media.candidates.empty());
  EXPECT_TRUE(media.rids.empty());
  EXPECT_EQ(media.attributes.size(), 6U);
}

TEST(Sdp, SaysWhichLineIsWrong) {
  const auto error = [](const std::string& text) { return sdp::parse(text).error().message; };
  EXPECT_THAT(error(kHead + "m=video nine RTP/AVP 96\n"), testing::HasSubstr("line 5"));
  EXPECT_THAT(error(kHead + "hello\n"), testing::HasSubstr("line 5"));
  EXPECT_THAT(error("o=- 1 2\n"), testing::HasSubstr("line 1"));
  EXPECT_THAT(error(""), testing::HasSubstr("empty"));
  EXPECT_EQ(sdp::parse(std::string(sdp::kMaxBytes + 1, 'v')).error().code, Errc::malformed);
}

TEST(Sdp, FindsFmtpParametersWhateverTheirCase) {
  EXPECT_EQ(sdp::fmtp_value("minptime=10; UseInbandFec=1", "useinbandfec"), "1");
  EXPECT_EQ(sdp::fmtp_value("apt=96", "apt"), "96");
  EXPECT_EQ(sdp::fmtp_value("0/5", "0/5"), "");
  EXPECT_EQ(sdp::fmtp_value("apt=96", "ap"), std::nullopt);
}

TEST(Sdp, ReadsTheOffersOfRealBrowsers) {
  RTPX_NEEDS_CAPTURE(folder, "browser");
  int offers = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto session = parsed(test::read_file(entry.path() / "offer.sdp"));
    ASSERT_EQ(session.media.size(), 2U) << entry.path();
    for (const auto& media : session.media) {
      EXPECT_FALSE(sdp::codecs(media).empty()) << entry.path();
      EXPECT_TRUE(media.mid && media.rtcp_mux) << entry.path();
      EXPECT_EQ(media.transport.fingerprints.size(), 1U) << entry.path();
      EXPECT_EQ(media.transport.ice_pwd.size() >= 22, true) << entry.path();
      EXPECT_EQ(sdp::header_extensions(media).count("urn:ietf:params:rtp-hdrext:sdes:mid"), 1U);
      EXPECT_EQ(media.msids.size(), 1U) << entry.path();
    }
    ++offers;
  }
  EXPECT_GE(offers, 10);
}

}  // namespace
}  // namespace rtpx
